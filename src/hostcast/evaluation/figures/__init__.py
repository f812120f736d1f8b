"""Figures of an evaluation, as SVG text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostcast.evaluation.figures.curves import draw_attention, draw_coverage, draw_horizon, draw_training
from hostcast.evaluation.figures.folds import draw_folds
from hostcast.evaluation.figures.forecasts import Picture, choose_pictures, draw_forecast, shown_steps
from hostcast.evaluation.figures.importance import draw_importance
from hostcast.evaluation.figures.leaders import draw_leaders
from hostcast.evaluation.figures.reliability import draw_reliability
from hostcast.evaluation.leaderboard import TFT, best_baselines

if TYPE_CHECKING:
    from hostcast.evaluation.evaluate import Evaluation

__all__ = ["Figures", "draw_figures"]


@dataclass(frozen=True)
class Figures:
    """SVG texts.

    Attributes:
        charts: leaderboard, training, horizon, coverage, reliability, importance, attention; folds, if any.
        forecasts: which forecast is shown, and its picture; best server first.
    """

    charts: dict[str, str]
    forecasts: list[tuple[Picture, str]]

    def files(self) -> dict[str, str]:
        """File name -> SVG; no name comes from the data."""
        named = {f"{name}.svg": svg for name, svg in self.charts.items()}
        numbered = {f"forecast-{i:02d}.svg": svg for i, (_, svg) in enumerate(self.forecasts, start=1)}
        return named | numbered


def draw_figures(evaluation: Evaluation) -> Figures:
    """Draw everything that `reports/evaluate/plots` and the report show."""
    inputs = evaluation.inputs
    base, settings = inputs.params.base, inputs.params.evaluate
    pictures = choose_pictures(evaluation.scores[TFT], settings.plot_servers)
    tables = evaluation.tables
    # more lines than these can't be told apart
    shown = {name: evaluation.forecasts[name] for name in (TFT, *best_baselines(evaluation.scores)[:2])}
    return Figures(
        charts={
            "leaderboard": draw_leaders(evaluation.leaderboard),
            "training": draw_training(tables["training"]),
            "horizon": draw_horizon(tables["horizon"]),
            "coverage": draw_coverage(tables["coverage"], base.target_metrics),
            "reliability": draw_reliability(tables["calibration"], base.target_metrics),
            "importance": draw_importance(tables["importance"]),
            "attention": draw_attention(tables["attention"], base.step),
            **({"folds": draw_folds(tables["folds"])} if inputs.folds else {}),
        },
        forecasts=[
            (
                picture,
                draw_forecast(
                    picture,
                    shown,
                    inputs.telemetry,
                    base.target_metrics,
                    base.step * shown_steps(inputs.params),
                ),
            )
            for picture in pictures
        ],
    )

"""Line charts: training, error by horizon, calibration, attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from hostcast.drawing import (
    GRID,
    INK,
    MODEL_COLOURS,
    MODEL_DASHES,
    MUTED,
    SERIES_COLOURS,
    drawing,
    legend,
    plain,
    split_unit,
    svg_of,
)
from hostcast.evaluation.leaderboard import MODEL_NAMES

__all__ = ["draw_attention", "draw_coverage", "draw_horizon", "draw_training"]

_HEIGHT = 3.1
# more lines than this can't be told apart
_MOST_LINES = 6


def draw_training(history: pd.DataFrame) -> str:
    """Training and validation loss per epoch, the best epoch marked: SVG."""
    with drawing(_HEIGHT) as figure:
        axes = figure.subplots()
        for name, label, colour in (
            ("train_loss", "training", SERIES_COLOURS[1]),
            ("val_loss", "validation", SERIES_COLOURS[0]),
        ):
            if name not in history.columns:
                continue
            known = history[["epoch", name]].dropna()
            marker = "o" if len(known) < 40 else ""
            axes.plot(known["epoch"], known[name], color=colour, label=label, marker=marker, markersize=3)
            if name == "val_loss" and len(known):
                best = known.iloc[[int(known[name].to_numpy("float64").argmin())]]
                axes.plot(
                    best["epoch"], best[name], "o", color=colour, markersize=7, label="best epoch, used"
                )
        axes.set_xlabel("epoch (pass over the training windows)")
        axes.set_ylabel("loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0.5)
        if axes.lines:
            legend(axes)
        return svg_of(figure)


def draw_horizon(horizon: pd.DataFrame) -> str:
    """Mean wQL over the targets by hours ahead, one line per model: SVG.

    Args:
        horizon: horizon_hours and one column per model.
    """
    with drawing(_HEIGHT) as figure:
        axes = figure.subplots()
        for name in [name for name in MODEL_NAMES if name in horizon.columns]:
            axes.plot(
                horizon["horizon_hours"],
                100 * horizon[name],
                color=MODEL_COLOURS[name],
                linestyle=MODEL_DASHES[name],
                linewidth=2.2 if name == "tft" else 1.5,
                label=MODEL_NAMES[name],
            )
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.set_xlabel("hours ahead")
        axes.set_ylabel("error (wQL), % of the actual level")
        legend(axes)
        return svg_of(figure)


def draw_coverage(coverage: pd.DataFrame, targets: Sequence[str]) -> str:
    """Observed against nominal share of actuals below each quantile: SVG.

    Args:
        coverage: target (or `all`), nominal, observed.
        targets: targets to draw beside the mean, as far as lines can be told apart.
    """
    with drawing(3.9, 4.6) as figure:
        axes = figure.subplots()
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (2, 2)), label="perfect")
        for target, colour in zip(targets[:_MOST_LINES], SERIES_COLOURS, strict=False):
            part = coverage[coverage["target"] == target]
            axes.plot(
                100 * part["nominal"],
                100 * part["observed"],
                color=colour,
                marker="o",
                markersize=3.5,
                linewidth=1.3,
                label=plain(split_unit(target)[0]),
            )
        whole = coverage[coverage["target"] == "all"].drop_duplicates("nominal", keep="last")
        axes.plot(
            100 * whole["nominal"], 100 * whole["observed"], color=INK, linewidth=2.2, label="mean of all"
        )
        axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")
        axes.xaxis.set_major_formatter(PercentFormatter(decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
        axes.set_xlabel("forecast: share below the quantile")
        axes.set_ylabel("observed: share below it")
        axes.legend(loc="lower right", fontsize=7.5, handlelength=1.6)
        return svg_of(figure)


def draw_attention(attention: pd.DataFrame, step: pd.Timedelta) -> str:
    """Where in its history the model looks: SVG.

    Args:
        attention: position (steps relative to the first forecast step, below 0), weight.
        step: length of one step.
    """
    with drawing(2.6) as figure:
        axes = figure.subplots()
        hours = attention["position"].to_numpy("float64") * (step / pd.Timedelta(1, unit="h"))
        weight = attention["weight"].to_numpy("float64")
        total = float(np.nansum(weight))
        share = 100 * weight / total if total > 0 else weight
        axes.fill_between(hours, share, color=MODEL_COLOURS["tft"], alpha=0.18, linewidth=0)
        axes.plot(hours, share, color=MODEL_COLOURS["tft"])
        axes.axhline(
            100 / max(len(share), 1),
            color=MUTED,
            linewidth=1,
            linestyle=(0, (2, 2)),
            label="if it looked evenly",
        )
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 3, 6, 10]))
        axes.grid(visible=False, axis="x")
        axes.spines["bottom"].set_color(GRID)
        axes.set_xlabel("hours before the forecast begins")
        axes.set_ylabel("attention, % per step")
        legend(axes)
        return svg_of(figure)

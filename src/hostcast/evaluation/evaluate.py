"""From a model's forecasts to scores, tables and headline numbers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hostcast.errors import HostcastError
from hostcast.evaluation.alignment import in_order, same_rows
from hostcast.evaluation.baselines import Task, make_baselines
from hostcast.evaluation.bootstrap import resample
from hostcast.evaluation.calibration import calibration_tables
from hostcast.evaluation.folds import FoldScore, SpanTimes, fold_headline, fold_tables
from hostcast.evaluation.leaderboard import NOISE_FLOOR, TFT, baselines_among, headline, leaderboard
from hostcast.evaluation.scoring import Score, score
from hostcast.evaluation.tables import make_tables
from hostcast.evaluation.unseen import unseen_headline, unseen_table
from hostcast.params import Params

__all__ = ["Evaluation", "EvaluationInputs", "evaluate"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationInputs:
    """What is evaluated.

    Attributes:
        forecasts: the model's table: server, cutoff, timestamp, target and a column per quantile level.
        telemetry: the prepared telemetry: server, timestamp (UTC) and the targets on a regular grid per
            server, NaN = missing.
        cutoffs: server, cutoff: every (server, cutoff) of `forecasts`.
        test_start: server -> first timestamp of its test span.
        training: server -> the first timestamp of its training span, and the first one after it.
        validation: likewise of its validation span.
        importance: part (static, encoder, decoder), variable, importance (sums to 1 in each part).
        attention: position (steps relative to the first forecast step, below 0), weight.
        history: epoch (the first is 0), train_loss, val_loss, learning_rate: the training curve.
        quality: what `prepare` reported about the data.
        params: all params.
        drift: how far the telemetry has moved away from the training span, see `hostcast.drift`; None = not
            looked at.
        uncalibrated: `forecasts` as the network alone would have them; None = nothing was calibrated.
        oracle: forecasts of one who knows how the data was simulated, if it was; same rows as `forecasts`.
        times: when the model was trained and is scored; None = unknown.
        folds: scores of walk-forward folds, the earliest first.
        held_out: servers that were held out of training.
    """

    forecasts: pd.DataFrame
    telemetry: pd.DataFrame
    cutoffs: pd.DataFrame
    test_start: Mapping[str, pd.Timestamp]
    training: Mapping[str, tuple[pd.Timestamp, pd.Timestamp]]
    validation: Mapping[str, tuple[pd.Timestamp, pd.Timestamp]]
    importance: pd.DataFrame
    attention: pd.DataFrame
    history: pd.DataFrame
    quality: Mapping[str, Any]
    params: Params
    drift: Mapping[str, Any] | None = None
    oracle: pd.DataFrame | None = None
    times: SpanTimes | None = None
    folds: Sequence[FoldScore] = ()
    held_out: Sequence[str] = ()
    uncalibrated: pd.DataFrame | None = None


@dataclass(frozen=True)
class Evaluation:
    """The outcome.

    Attributes:
        inputs: what was evaluated.
        forecasts: model -> its table, sorted by server, cutoff, timestamp, target; all of the same rows.
        scores: model -> its score; `tft` first, then the baselines, then `noise_floor` if there is one.
        uncalibrated: the model's score without its calibration, if it has one.
        leaderboard: see `hostcast.evaluation.leaderboard`.
        headline: the numbers of metrics.json.
        tables: file name without ending -> table.
    """

    inputs: EvaluationInputs
    forecasts: dict[str, pd.DataFrame]
    scores: dict[str, Score]
    uncalibrated: Score | None
    leaderboard: pd.DataFrame
    headline: dict[str, float]
    tables: dict[str, pd.DataFrame]


def evaluate(inputs: EvaluationInputs) -> Evaluation:
    """Score a model's forecasts beside baselines that forecast the same rows.

    Raises:
        HostcastError: the forecasts can't be scored, no forecast has an actual, a target has no value
            before the test span, or a baseline can't be made.
        ValueError: the oracle's or the baselines' rows are not those of the forecasts.
    """
    params = inputs.params
    forecasts = {TFT: in_order(inputs.forecasts)}
    forecasts |= {name: in_order(table) for name, table in _baselines(inputs).items()}
    if inputs.oracle is not None:
        forecasts[NOISE_FLOOR] = in_order(inputs.oracle)
    for name, table in forecasts.items():
        if not same_rows(forecasts[TFT], table):
            raise ValueError(
                f"{name} forecasts other rows ({len(table)}) than the model ({len(forecasts[TFT])}): "
                "their scores can't be compared"
            )
    scores = {name: score(t, inputs.telemetry, params.evaluate.season) for name, t in forecasts.items()}
    if scores[TFT].rows.empty:
        raise HostcastError(
            "no forecast has an observed value to be held against",
            remedy="choose a test span in which the targets were observed (split.test_split)",
        )
    before = None
    if inputs.uncalibrated is not None:
        before = score(inputs.uncalibrated, inputs.telemetry, params.evaluate.season)
    _log(scores[TFT])
    resampled = resample(
        scores,
        # neighbouring cutoffs share hours of what they forecast, and a day has its own events
        block=params.base.step * max(params.evaluate.season, params.split.horizon),
        samples=params.evaluate.resamples,
        seed=params.base.random_seed,
    )
    leaders = leaderboard(scores, resampled)
    numbers = headline(scores, resampled)
    tables = {
        **make_tables(scores, leaders, inputs.importance, inputs.attention, inputs.history),
        **fold_tables(inputs.folds, inputs.times, scores[TFT], numbers),
    }
    if inputs.held_out:
        tables["unseen"] = unseen_table(scores, inputs.held_out)
        numbers |= unseen_headline(tables["unseen"])
    return Evaluation(
        inputs=inputs,
        forecasts=forecasts,
        scores=scores,
        uncalibrated=before,
        leaderboard=leaders,
        headline=numbers | fold_headline(inputs.folds),
        tables=tables | calibration_tables(scores[TFT], before),
    )


def _baselines(inputs: EvaluationInputs) -> dict[str, pd.DataFrame]:
    params = inputs.params
    return make_baselines(
        baselines_among(params.evaluate.baselines),
        inputs.telemetry,
        inputs.cutoffs,
        inputs.training,
        inputs.validation,
        inputs.test_start,
        Task(
            targets=params.base.target_metrics,
            horizon=params.split.horizon,
            step=params.base.step,
            levels=params.evaluate.quantiles,
            ranges=params.prepare.ranges,
            season=params.evaluate.season,
        ),
        lightgbm=params.evaluate.lightgbm,
        seed=params.base.random_seed,
    )


def _log(result: Score) -> None:
    scored, dropped = int(result.by_target["rows"].sum()), int(result.by_target["dropped"].sum())
    logger.info("%d forecasts scored, %d without an actual left out", scored, dropped)
    for name in result.by_target.loc[result.by_target["rows"] == 0, "target"]:
        logger.warning("%r has no actual in the test span: it is in no mean", name)

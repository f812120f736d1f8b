"""Baselines that need no training, of a given number of past errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from hostcast.evaluation.baselines.intervals import with_intervals
from hostcast.evaluation.baselines.points import Rule, carry, season_ago
from hostcast.evaluation.baselines.task import Ranges, Task, fleet_of

__all__ = ["last_value", "seasonal_naive"]


def last_value(
    telemetry: pd.DataFrame,
    cutoffs: pd.DataFrame,
    test_start: Mapping[str, pd.Timestamp],
    *,
    targets: Sequence[str],
    horizon: int,
    step: pd.Timedelta,
    levels: Sequence[float],
    ranges: Ranges,
    recent: int,
) -> pd.DataFrame:
    """Carry the last observed value forward; its quantiles are those of its own errors before the test span.

    Args:
        telemetry: server, timestamp (UTC) and the targets; a regular grid per server, NaN = missing.
        cutoffs: server, cutoff; each cutoff is a row of its server.
        test_start: server -> first timestamp of its test span.
        targets: columns to forecast.
        horizon: steps to forecast.
        step: length of one step.
        levels: quantile levels, rising.
        ranges: target -> plausible [low, high], None = open; forecasts are clipped to it.
        recent: rows before the test span that errors are taken from, per server; see `with_intervals`.

    Returns:
        server, cutoff, timestamp, target, q<level>..., sorted by server and cutoff.

    Raises:
        HostcastError: a target has no value at all before the test span.
        ValueError: a cutoff is no row of its server.
    """
    task = Task(targets, horizon, step, levels, ranges, season=1)
    return _forecast(telemetry, cutoffs, test_start, carry, task, recent)


def seasonal_naive(
    telemetry: pd.DataFrame,
    cutoffs: pd.DataFrame,
    test_start: Mapping[str, pd.Timestamp],
    *,
    targets: Sequence[str],
    horizon: int,
    step: pd.Timedelta,
    levels: Sequence[float],
    ranges: Ranges,
    recent: int,
    season: int,
) -> pd.DataFrame:
    """Repeat the value of the same time one season ago, else the last observed value; see `season_ago`.

    Arguments, quantiles, result and errors are those of `last_value`.

    Args:
        season: steps in one season.
    """
    task = Task(targets, horizon, step, levels, ranges, season)
    return _forecast(telemetry, cutoffs, test_start, season_ago(season), task, recent)


def _forecast(
    telemetry: pd.DataFrame,
    cutoffs: pd.DataFrame,
    test_start: Mapping[str, pd.Timestamp],
    rule: Rule,
    task: Task,
    recent: int,
) -> pd.DataFrame:
    fleet = fleet_of(telemetry, cutoffs, {}, {}, test_start, task.targets)
    return with_intervals(fleet, rule, task, recent)

"""Intervals from a rule's own past errors, and how much of the past to take them from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from hostcast.evaluation.baselines.points import Points, Rule, points_of
from hostcast.evaluation.baselines.table import table_of
from hostcast.evaluation.baselines.task import Floats, Series, Task, typical
from hostcast.evaluation.metrics import quantile_loss

__all__ = ["choose_recent", "fill_intervals", "with_intervals"]

# fewer past errors than this say little about a 5 % tail
_ENOUGH_ERRORS = 100
# seasons of errors to choose among, and the least number of rows that a choice means
_SEASONS = (1, 3, 7, 14, 28)
_LEAST_ROWS = 500
# a choice needs no more steps ahead and origins than these to be clear
_STEPS_TRIED = 12
_ORIGINS_PER_HORIZON = 4


def with_intervals(
    fleet: Sequence[Series], rule: Rule, task: Task, recent: int | None = None
) -> pd.DataFrame:
    """Forecast by a rule, and spread its forecasts by the quantiles of their own errors before the test span.

    The errors are taken per server, target and step ahead, over the latest origins whose forecast time lies
    before both the server's test span and its first cutoff: spread drifts, so old errors mislead. A server
    with too few of them takes those of all servers; one that was never observed up to the cutoff takes the
    quantiles of all servers' values.

    Args:
        fleet: the servers.
        rule: makes the forecasts.
        task: what to forecast.
        recent: rows before the test span that errors are taken from, per server; None = see `choose_recent`.
    """
    blocks = task.blocks(fleet)
    for position in range(len(task.targets)):
        fill_intervals(fleet, rule, position, task, blocks, recent)
    return table_of(fleet, blocks, task)


def fill_intervals(
    fleet: Sequence[Series],
    rule: Rule,
    position: int,
    task: Task,
    blocks: Sequence[Floats],
    recent: int | None = None,
) -> None:
    """The same, of one target, into the blocks of all servers; see `Task.blocks`."""
    unknown = typical(fleet, position, task.targets[position], task.levels)
    points = points_of(fleet, rule, position)
    rows = choose_recent(fleet, points, position, task) if recent is None else recent
    ends = [series.known for series in fleet]
    spreads = _spreads(fleet, points, position, range(1, task.horizon + 1), task.levels, ends, rows)
    for ahead, each in enumerate(spreads, start=1):
        for series, block, point, spread in zip(fleet, blocks, points, each, strict=True):
            start = point(ahead)[series.cutoff_rows][:, None]  # (cutoffs, 1)
            block[:, position, ahead - 1] = np.where(np.isfinite(start), start + spread, unknown)


def choose_recent(fleet: Sequence[Series], points: Sequence[Points], position: int, task: Task) -> int:
    """How many rows of a target's errors forecast its validation spans best, by pinball loss.

    The errors are those before the validation spans, so that the choice is tried on what it did not see.
    Where these tell nothing, it is the shortest.
    """
    candidates = sorted({max(seasons * task.season, _LEAST_ROWS) for seasons in _SEASONS})
    return min(candidates, key=lambda rows: _loss(fleet, points, position, task, rows))


def _loss(fleet: Sequence[Series], points: Sequence[Points], position: int, task: Task, rows: int) -> float:
    steps = np.unique(np.linspace(1, task.horizon, min(_STEPS_TRIED, task.horizon)).round().astype(int))
    ends = [series.training.stop for series in fleet]
    stride = max(1, task.horizon // _ORIGINS_PER_HORIZON)
    low, high = task.bounds(task.targets[position])
    total = 0.0
    spreads = _spreads(fleet, points, position, steps.tolist(), task.levels, ends, rows)
    for ahead, each in zip(steps.tolist(), spreads, strict=True):
        for series, point, spread in zip(fleet, points, each, strict=True):
            origins = series.validation_origins(task.horizon)[::stride]
            forecast = np.clip(point(ahead)[origins][:, None] + spread, low, high)
            loss = quantile_loss(series.values[origins + ahead, position], forecast, task.levels)
            total += float(loss[np.isfinite(loss)].sum())
    return total


def _spreads(
    fleet: Sequence[Series],
    points: Sequence[Points],
    position: int,
    steps: Sequence[int],
    levels: Sequence[float],
    ends: Sequence[int],
    recent: int,
) -> Iterator[list[Floats]]:
    """Per step ahead, the quantiles of each server's errors before its row of `ends`: (levels,) each."""
    pooled = np.zeros(len(levels))
    for ahead in steps:
        errors = [
            _errors(series.values[:, position], point(ahead), end, ahead, recent)
            for series, point, end in zip(fleet, points, ends, strict=True)
        ]
        scarce = [len(e) < _ENOUGH_ERRORS for e in errors]
        if any(scarce):
            together = np.concatenate(errors)
            # where no origin reaches so far, the errors of the step before are the best guess left
            pooled = np.quantile(together, levels) if len(together) else pooled
        yield [
            pooled if few else np.quantile(error, levels) for error, few in zip(errors, scarce, strict=True)
        ]


def _errors(values: Floats, points: Floats, end: int, ahead: int, recent: int) -> Floats:
    """Observed minus forecast, for forecast times among the last `recent` rows before `end`."""
    first = max(ahead, end - recent)
    errors = values[first:end] - points[first - ahead : max(end - ahead, first - ahead)]
    return errors[np.isfinite(errors)]

"""Forecasts whose outcome is known: what gradient boosting learns from, and what it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hostcast.evaluation.baselines.boosting_inputs import History, Seen, floors_of, history_of
from hostcast.evaluation.baselines.task import Floats, Ints, Series, Task

__all__ = ["Examples", "Fleet", "drawn", "fleet_seen", "validated"]

# steps ahead that are learned from each training cutoff
_STEPS_PER_CUTOFF = 4
# of the validation span: examples at most, and steps ahead of each cutoff
_MOST_VALIDATED = 8000
_STEPS_VALIDATED = 8


@dataclass(frozen=True)
class Examples:
    """Inputs and outcomes, (examples,)."""

    seen: Seen
    actual: Floats


@dataclass(frozen=True)
class Fleet:
    """The servers with their statistics, and the least scale of each target."""

    series: Sequence[Series]
    histories: Sequence[History]
    floors: Floats


def fleet_seen(series: Sequence[Series], task: Task) -> Fleet:
    """The fleet as its baselines see it."""
    return Fleet(series, [history_of(one, task.season, task.step) for one in series], floors_of(series))


def drawn(fleet: Fleet, position: int, horizon: int, most: int, seed: int) -> Examples:
    """Examples of the training spans alone: evenly spread cutoffs, and some steps ahead of each.

    Args:
        fleet: the servers.
        position: of the target.
        horizon: steps to forecast.
        most: about so many examples at most.
        seed: what the steps are drawn by.
    """
    generator = np.random.default_rng([seed, position])
    origins = [series.training_origins(horizon) for series in fleet.series]
    every = max(1.0, sum(len(rows) for rows in origins) * _STEPS_PER_CUTOFF / most)
    rows = [np.repeat(_thinned(each, every), _STEPS_PER_CUTOFF) for each in origins]
    ahead = [generator.integers(1, horizon + 1, len(each)) for each in rows]
    return _examples(fleet, position, rows, ahead)


def validated(fleet: Fleet, position: int, horizon: int) -> Examples:
    """Examples of the validation spans: evenly spread cutoffs, and evenly spread steps ahead of each."""
    steps = np.unique(np.linspace(1, horizon, min(_STEPS_VALIDATED, horizon)).round().astype(np.int64))
    origins = [series.validation_origins(horizon) for series in fleet.series]
    every = max(1.0, sum(len(rows) for rows in origins) * len(steps) / _MOST_VALIDATED)
    kept = [_thinned(each, every) for each in origins]
    rows = [np.repeat(each, len(steps)) for each in kept]
    ahead = [np.tile(steps, len(each)) for each in kept]
    return _examples(fleet, position, rows, ahead)


def _examples(fleet: Fleet, position: int, rows: Sequence[Ints], ahead: Sequence[Ints]) -> Examples:
    each = [
        history.seen(position, own, steps, fleet.floors)
        for history, own, steps in zip(fleet.histories, rows, ahead, strict=True)
    ]
    actual = np.concatenate(
        [
            series.values[own + steps, position]
            for series, own, steps in zip(fleet.series, rows, ahead, strict=True)
        ]
    )
    inputs = np.concatenate([seen.inputs for seen in each])
    last = np.concatenate([seen.last for seen in each])
    scale = np.concatenate([seen.scale for seen in each])
    known = np.isfinite(actual) & np.isfinite(last)
    return Examples(Seen(inputs[known], last[known], scale[known]), actual[known])


def _thinned(rows: Ints, every: float) -> Ints:
    return rows[np.arange(0, len(rows), every).astype(np.int64)]

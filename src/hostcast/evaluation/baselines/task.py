"""What every baseline is asked for, and the servers that it is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hostcast.errors import HostcastError

__all__ = ["Floats", "Ints", "Ranges", "Series", "Spans", "Task", "fleet_of", "last_observed", "typical"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Ranges = Mapping[str, Sequence[float | None]]
# server -> its first instant in a span, and the first one after it
Spans = Mapping[str, tuple[pd.Timestamp, pd.Timestamp]]


@dataclass(frozen=True)
class Task:
    """What is to be forecast.

    Attributes:
        targets: columns to forecast.
        horizon: steps to forecast.
        step: length of one step.
        levels: quantile levels, rising.
        ranges: target -> plausible [low, high], None = open; forecasts are clipped to it.
        season: steps in one season.
    """

    targets: Sequence[str]
    horizon: int
    step: pd.Timedelta
    levels: Sequence[float]
    ranges: Ranges
    season: int

    def bounds(self, target: str) -> tuple[float, float]:
        """The plausible range of a target, infinite where it is open."""
        low, high = self.ranges.get(target, (None, None))
        return -np.inf if low is None else low, np.inf if high is None else high

    def blocks(self, fleet: Sequence[Series]) -> list[Floats]:
        """Room for the quantiles at each server's cutoffs: (cutoffs, targets, horizon, levels) each."""
        shape = (len(self.targets), self.horizon, len(self.levels))
        return [np.empty((len(series.cutoff_rows), *shape)) for series in fleet]


@dataclass(frozen=True)
class Series:
    """One server on its regular grid.

    Attributes:
        server: its name.
        times: of its rows.
        values: (rows, targets), NaN = missing.
        training: rows of its training span, the only ones that anything may be fitted on.
        validation: rows of its validation span, which choices are made by.
        known: rows before both the test span and the first cutoff: their errors may be known.
        cutoff_rows: rows to forecast from.
    """

    server: str
    times: pd.DatetimeIndex
    values: Floats
    training: range
    validation: range
    known: int
    cutoff_rows: Ints

    def training_origins(self, horizon: int) -> Ints:
        """Rows from which a whole horizon of the training span can be forecast."""
        return np.arange(self.training.start, self.training.stop - horizon, dtype=np.int64)

    def validation_origins(self, horizon: int) -> Ints:
        """Rows from which a whole horizon of the validation span can be forecast."""
        return np.arange(max(self.validation.start - 1, 0), self.validation.stop - horizon, dtype=np.int64)


def fleet_of(
    telemetry: pd.DataFrame,
    cutoffs: pd.DataFrame,
    training: Spans,
    validation: Spans,
    test_start: Mapping[str, pd.Timestamp],
    targets: Sequence[str],
) -> list[Series]:
    """The servers that have a test span, by name.

    Args:
        telemetry: server, timestamp (UTC) and the targets; a regular grid per server, NaN = missing.
        cutoffs: server, cutoff; each cutoff is a row of its server.
        training: server -> its training span; none of a server that is left out.
        validation: likewise.
        test_start: server -> first timestamp of its test span.
        targets: columns to keep.

    Raises:
        ValueError: a cutoff is no row of its server.
    """
    ordered = telemetry.sort_values(["server", "timestamp"], kind="stable")
    wanted = {str(server): part["cutoff"] for server, part in cutoffs.groupby("server", sort=True)}
    fleet = []
    for name, part in ordered.groupby("server", sort=True):
        server = str(name)
        if server not in test_start:
            continue
        times = pd.DatetimeIndex(part["timestamp"]).as_unit("us")
        asked = (
            pd.DatetimeIndex(wanted.pop(server, pd.Series([], dtype=times.dtype))).as_unit("us").sort_values()
        )
        rows = times.get_indexer(asked).astype(np.int64)
        if (rows < 0).any():
            raise ValueError(f"{(rows < 0).sum()} cutoff(s) are no row of server {server!r}")
        known = int(times.searchsorted(pd.Timestamp(test_start[server])))
        if len(rows):
            known = min(known, int(rows[0]) + 1)
        values = part[list(targets)].to_numpy("float64")
        learned, chosen = (_rows(times, each.get(server), known) for each in (training, validation))
        fleet.append(Series(server, times, values, learned, chosen, known, rows))
    if wanted:
        raise ValueError(f"cutoffs of servers without telemetry or test span: {sorted(wanted)}")
    return fleet


def _rows(times: pd.DatetimeIndex, span: tuple[pd.Timestamp, pd.Timestamp] | None, known: int) -> range:
    if span is None:
        return range(0)
    first, after = (min(int(times.searchsorted(pd.Timestamp(instant))), known) for instant in span)
    return range(first, after)


def last_observed(values: Floats) -> Floats:
    """At each row the latest value that was observed up to it, NaN before the first."""
    rows = np.where(np.isfinite(values), np.arange(len(values)), -1)
    latest = np.maximum.accumulate(rows)
    return np.where(latest >= 0, values[latest], np.nan)


def typical(fleet: Sequence[Series], position: int, target: str, levels: Sequence[float]) -> Floats:
    """Quantiles of all servers' values before the test span, for want of any of a server's own: (levels,).

    Raises:
        HostcastError: there is no such value.
    """
    values = np.concatenate([series.values[: series.known, position] for series in fleet])
    values = values[np.isfinite(values)]
    if not len(values):
        raise HostcastError(
            "no server has a value before the test span",
            column=target,
            remedy="let the test span begin later (split.test_split) or take the column out of "
            "base.target_metrics",
        )
    quantiles: Floats = np.quantile(values, levels)
    return quantiles

"""Forecasts that need no training, with intervals from their own past errors: what a model has to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hostcast.errors import HostcastError

__all__ = ["last_value", "seasonal_naive"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# (values, carried, steps ahead) -> point forecast made at every row: (rows,) each
PointRule = Callable[[Floats, Floats, int], Floats]
Ranges = Mapping[str, Sequence[float | None]]

# fewer past errors than this say little about a 5 % tail
_ENOUGH_ERRORS = 100


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

    The errors are taken per server, target and step ahead, over the latest origins whose forecast time lies
    before both the server's test span and its first cutoff: spread drifts, so old errors mislead. A server
    with too few of them takes those of all servers; one that was never observed up to the cutoff takes the
    quantiles of all servers' values.

    Args:
        telemetry: server, timestamp (UTC) and the targets; a regular grid per server, NaN = missing.
        cutoffs: server, cutoff; each cutoff is a row of its server.
        test_start: server -> first timestamp of its test span.
        targets: columns to forecast.
        horizon: steps to forecast.
        step: length of one step.
        levels: quantile levels, rising.
        ranges: target -> plausible [low, high], None = open; forecasts are clipped to it.
        recent: rows before the test span that errors are taken from, per server.

    Returns:
        server, cutoff, timestamp, target, q<level>..., sorted by server and cutoff.

    Raises:
        HostcastError: a target has no value at all before the test span.
        ValueError: a cutoff is no row of its server.
    """
    fleet = _fleet(telemetry, cutoffs, test_start, targets)
    return _forecast(fleet, _carry, targets, horizon, step, levels, ranges, recent)


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
    """Repeat the value of the same time one season ago, else the last observed value.

    Where the horizon is longer than a season, the latest season that was over at the cutoff is repeated.
    Arguments, quantiles, result and errors are those of `last_value`.

    Args:
        season: steps in one season.
    """

    def rule(values: Floats, carried: Floats, ahead: int) -> Floats:
        back = -(-ahead // season) * season - ahead
        seasons_ago = np.full(len(values), np.nan)
        seasons_ago[back:] = values[: len(values) - back]
        return np.where(np.isfinite(seasons_ago), seasons_ago, carried)

    fleet = _fleet(telemetry, cutoffs, test_start, targets)
    return _forecast(fleet, rule, targets, horizon, step, levels, ranges, recent)


@dataclass(frozen=True)
class _Series:
    """One server: its values (rows, targets), the rows that errors may be taken from, its cutoffs."""

    server: str
    values: Floats
    known: int
    cutoff_rows: Ints
    cutoff_times: pd.DatetimeIndex


def _carry(values: Floats, carried: Floats, ahead: int) -> Floats:
    return carried


def _fleet(
    telemetry: pd.DataFrame,
    cutoffs: pd.DataFrame,
    test_start: Mapping[str, pd.Timestamp],
    targets: Sequence[str],
) -> list[_Series]:
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
        fleet.append(_Series(server, values, known, rows, asked))
    if wanted:
        raise ValueError(f"cutoffs of servers without telemetry or test span: {sorted(wanted)}")
    return fleet


def _forecast(
    fleet: list[_Series],
    rule: PointRule,
    targets: Sequence[str],
    horizon: int,
    step: pd.Timedelta,
    levels: Sequence[float],
    ranges: Ranges,
    recent: int,
) -> pd.DataFrame:
    # per server: (cutoffs, targets, horizon, levels)
    blocks = [np.empty((len(s.cutoff_rows), len(targets), horizon, len(levels))) for s in fleet]
    for position, target in enumerate(targets):
        low, high = ranges.get(target, (None, None))
        typical = _typical(fleet, position, target, levels)
        for ahead, quantiles in enumerate(
            _quantiles(fleet, rule, position, horizon, levels, typical, recent)
        ):
            for block, forecast in zip(blocks, quantiles, strict=True):
                block[:, position, ahead] = np.clip(
                    forecast, -np.inf if low is None else low, np.inf if high is None else high
                )
    parts = [
        _table(series, block, targets, step, levels)
        for series, block in zip(fleet, blocks, strict=True)
        if len(series.cutoff_rows)
    ]
    return pd.concat(parts, ignore_index=True)


def _typical(fleet: list[_Series], position: int, target: str, levels: Sequence[float]) -> Floats:
    """Quantiles of all servers' values before the test span: (levels,)."""
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


def _quantiles(
    fleet: list[_Series],
    rule: PointRule,
    position: int,
    horizon: int,
    levels: Sequence[float],
    typical: Floats,
    recent: int,
) -> Iterator[list[Floats]]:
    """Per step ahead and server the quantiles at its cutoffs: (cutoffs, levels)."""
    values = [np.ascontiguousarray(series.values[:, position]) for series in fleet]
    carried = [_last_observed(column) for column in values]
    pooled = np.zeros(len(levels))
    for ahead in range(1, horizon + 1):
        points = [rule(v, c, ahead) for v, c in zip(values, carried, strict=True)]
        errors = [
            _errors(v, p, series.known, ahead, recent)
            for v, p, series in zip(values, points, fleet, strict=True)
        ]
        scarce = [len(e) < _ENOUGH_ERRORS for e in errors]
        if any(scarce):
            together = np.concatenate(errors)
            # where no origin reaches so far, the errors of the step before are the best guess left
            pooled = np.quantile(together, levels) if len(together) else pooled
        forecasts = []
        for series, point, error, few in zip(fleet, points, errors, scarce, strict=True):
            spread = pooled if few else np.quantile(error, levels)
            start = point[series.cutoff_rows][:, None]  # (cutoffs, 1)
            forecasts.append(np.where(np.isfinite(start), start + spread, typical))
        yield forecasts


def _errors(values: Floats, points: Floats, known: int, ahead: int, recent: int) -> Floats:
    """Observed minus forecast, for forecast times among the last `recent` of the `known` rows."""
    first = max(ahead, known - recent)
    errors = values[first:known] - points[first - ahead : max(known - ahead, first - ahead)]
    return errors[np.isfinite(errors)]


def _last_observed(values: Floats) -> Floats:
    rows = np.where(np.isfinite(values), np.arange(len(values)), -1)
    latest = np.maximum.accumulate(rows)
    return np.where(latest >= 0, values[latest], np.nan)


def _table(
    series: _Series, block: Floats, targets: Sequence[str], step: pd.Timedelta, levels: Sequence[float]
) -> pd.DataFrame:
    count, _, horizon, _ = block.shape
    ahead = pd.TimedeltaIndex([step * i for i in range(1, horizon + 1)]).as_unit("us").to_numpy()
    cutoffs = series.cutoff_times.tz_convert("UTC").tz_localize(None).to_numpy()
    times = cutoffs[:, None, None] + ahead[None, None, :]  # (cutoffs, 1, horizon)
    times = np.broadcast_to(times, (count, len(targets), horizon)).reshape(-1)
    table = pd.DataFrame(
        {
            "server": pd.Series([series.server] * len(times), dtype="str"),
            "cutoff": pd.DatetimeIndex(np.repeat(cutoffs, len(targets) * horizon)).tz_localize("UTC"),
            "timestamp": pd.DatetimeIndex(times).tz_localize("UTC"),
            "target": pd.Series(np.tile(np.repeat(list(targets), horizon), count), dtype="str"),
        }
    )
    quantiles = np.maximum.accumulate(block.reshape(len(times), len(levels)), axis=1)
    for i, level in enumerate(levels):
        table[f"q{level:g}"] = quantiles[:, i]
    return table

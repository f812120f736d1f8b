"""From rows to one observation per server and step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hostcast.telemetry.clock import beyond
from hostcast.telemetry.counters import rates
from hostcast.telemetry.observations import Observations
from hostcast.telemetry.suspicion import Suspect, suspects
from hostcast.telemetry.values import single

__all__ = ["LARGEST", "Cleaned", "clean"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

# later stages square values in float32, which ends at 3.4e38
LARGEST = 1e18


@dataclass(frozen=True)
class Cleaned:
    """One observation per server and step, sorted by both.

    Attributes:
        server: server code, (observations,).
        step: microseconds since 1970, divided by the step's length and rounded down, (observations,).
        values: float32, NaN = missing, finite else, (observations, metrics).
        infinite, out_of_range, below_range: for each metric, values taken as missing; the first counts
            those beyond `LARGEST` too, the last is the part of the second that was too low.
        out_of_order: rows that came after a later row of their server.
        off_step: rows kept whose time is not the start of a step.
        counters: for each counter, what `rates` counted.
        suspects: columns that look like something else than they are taken for.
        skewed: rows dropped as `clock_skew`, by server code.
        merged: rows merged into another one, by reason.
        dropped: rows left out, by reason.
    """

    server: Ints
    step: Ints
    values: Floats
    infinite: Mapping[str, int]
    out_of_range: Mapping[str, int]
    below_range: Mapping[str, int]
    out_of_order: int
    off_step: int
    counters: Mapping[str, Counter[str]]
    suspects: Sequence[Suspect]
    skewed: Counter[int]
    merged: Counter[str]
    dropped: Counter[str]


def clean(
    rows: Observations,
    metrics: Sequence[str],
    ranges: Mapping[str, Sequence[float | None]],
    step_micros: int,
    *,
    counters: Sequence[str] = (),
    end: int | None = None,
    skew: int | None = None,
) -> Cleaned:
    """Mask implausible values, merge duplicates and average what falls into one step.

    Step t covers [t, t + length): the value at t holds nothing observed once t's step has ended, and
    becomes known when it ends. A mean of several rows is taken over their valid values, in float64.
    The outcome does not depend on the order of the rows.

    Args:
        rows: all rows of some servers.
        counters: the metrics that `rows.counters` has the readings of.
        end: the end of the whole fleet, see `fleet_end`.
        skew: how far past that end a clock may run, microseconds; None = no limit.
    """
    out_of_order = _out_of_order(rows.server, rows.micros)
    given, counted = _with_rates(rows, metrics, counters)
    order = np.lexsort((rows.micros, rows.server))
    server, micros, values = rows.server[order], rows.micros[order], given[order]
    doubtful = suspects(server, values, metrics, ranges, counters)
    infinite, outside, below = _masked(values, metrics, ranges)

    late = np.zeros(len(server), np.bool_)
    if end is not None and skew is not None:
        late = beyond(server, micros, end, skew)
    valid = ~np.isnan(values).all(axis=1)
    dropped = Counter(clock_skew=int(late.sum()), without_valid_value=int((~valid & ~late).sum()))
    skewed = Counter(server[late].tolist())
    valid &= ~late
    if not valid.all():
        server, micros, values = server[valid], micros[valid], values[valid]
    step = np.floor_divide(micros, step_micros)
    off_step = int((step * step_micros != micros).sum())

    repeated = _same(server, step)
    merged: Counter[str] = Counter()
    if repeated.any():
        server, micros, values, merged = _merged(server, micros, step, values)
        step = np.floor_divide(micros, step_micros)
    return Cleaned(
        server=server,
        step=step,
        values=values,
        infinite=infinite,
        out_of_range=outside,
        below_range=below,
        out_of_order=out_of_order,
        off_step=off_step,
        counters=counted,
        suspects=doubtful,
        skewed=skewed,
        merged=merged,
        dropped=dropped,
    )


def _with_rates(
    rows: Observations, metrics: Sequence[str], counters: Sequence[str]
) -> tuple[Floats, dict[str, Counter[str]]]:
    """The values with each counter's rates in their place, and what was counted on the way."""
    if not counters:
        return rows.values, {}
    values, counted = rows.values.copy(), {}
    for position, name in enumerate(counters):
        rate, counted[name] = rates(rows.server, rows.micros, rows.counters[:, position])
        values[:, metrics.index(name)] = single(rate)
    return values, counted


def _masked(
    values: Floats, metrics: Sequence[str], ranges: Mapping[str, Sequence[float | None]]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Set implausible values to NaN in place; how many there were by metric, and how many too low."""
    infinite, outside, below = {}, {}, {}
    for position, name in enumerate(metrics):
        column = values[:, position]
        endless = np.abs(column) > np.float32(LARGEST)  # NaN is not
        column[endless] = np.nan
        infinite[name] = int(endless.sum())
        low, high = ranges.get(name, (None, None))
        beyond_range = np.zeros(len(column), np.bool_)
        # the bounds in float32 too: 0.1 must lie within [0.1, 1]
        if low is not None:
            beyond_range |= column < np.float32(low)
        below[name] = int(beyond_range.sum())
        if high is not None:
            beyond_range |= column > np.float32(high)
        column[beyond_range] = np.nan
        outside[name] = int(beyond_range.sum())
    return infinite, outside, below


def _out_of_order(server: Ints, micros: Ints) -> int:
    order = np.argsort(server, kind="stable")
    own, time = server[order], micros[order]
    return int(((own[1:] == own[:-1]) & (time[1:] < time[:-1])).sum())


def _same(*keys: Ints) -> npt.NDArray[np.bool_]:
    """Which rows equal their predecessor in every key; the first never does."""
    same = np.ones(len(keys[0]), np.bool_)
    same[:1] = False
    for key in keys:
        same[1:] &= key[1:] == key[:-1]
    return same


def _merged(
    server: Ints, micros: Ints, step: Ints, values: Floats
) -> tuple[Ints, Ints, Floats, Counter[str]]:
    """One row per server and step out of rows sorted by server and time."""
    bits = values.view(np.int32)  # NaN equals NaN here, and sorting is exact
    order = np.lexsort((*bits.T[::-1], micros, server))
    server, micros, step, values, bits = (
        server[order],
        micros[order],
        step[order],
        values[order],
        bits[order],
    )
    instant = _same(server, micros)
    exact = instant.copy()
    exact[1:] &= (bits[1:] == bits[:-1]).all(axis=1)
    distinct = ~exact
    merged = Counter(exact_duplicates=int(exact.sum()), conflicting_duplicates=int((instant & ~exact).sum()))

    server, micros, step, values = server[distinct], micros[distinct], step[distinct], values[distinct]
    later = _same(server, step)
    merged["same_step"] = int(later.sum()) - merged["conflicting_duplicates"]
    start = np.flatnonzero(~later)
    several = np.diff(np.append(start, len(server))) > 1
    averaged = values[start]
    valid = ~np.isnan(values)
    count = np.add.reduceat(valid, start, axis=0, dtype=np.int64)
    total = np.add.reduceat(np.where(valid, values, 0), start, axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # no valid value: 0 / 0 is the NaN that is wanted
        mean = (total / count).astype(np.float32)
    averaged[several] = mean[several]
    averaged[np.isnan(averaged)] = np.nan
    return server[start], micros[start], averaged, +merged

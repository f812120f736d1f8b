"""From rows to one observation per server and step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hostcast.telemetry.suspicion import Suspects

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
        off_step: rows kept whose time is not the start of a step.
        suspects: columns that look like something else than they are taken for.
        merged: rows merged into another one, by reason.
        dropped: rows left out, by reason.
    """

    server: Ints
    step: Ints
    values: Floats
    infinite: Mapping[str, int]
    out_of_range: Mapping[str, int]
    below_range: Mapping[str, int]
    off_step: int
    suspects: Suspects
    merged: Counter[str]
    dropped: Counter[str]


def clean(
    server: Ints,
    micros: Ints,
    given: Floats,
    metrics: Sequence[str],
    ranges: Mapping[str, Sequence[float | None]],
    step_micros: int,
    *,
    counters: Sequence[str] = (),
    cutoff: Ints | None = None,
) -> Cleaned:
    """Mask implausible values, merge duplicates and average what falls into one step.

    Step t covers [t, t + length): the value at t holds nothing observed once t's step has ended, and
    becomes known when it ends. A mean of several rows is taken over their valid values, in float64.
    The outcome does not depend on the order of the rows.

    Args:
        server, micros, given: rows of some servers: codes, times and values, with counters turned into
            rates.
        counters: metrics that are known to come from counters.
        cutoff: for each server code the time from which its clock is not believed.
    """
    if _rising(server, micros):
        values = given.copy()
    else:
        order = np.lexsort((micros, server))
        server, micros, values = server[order], micros[order], given[order]
    doubtful = Suspects.among(server, values, metrics, ranges, counters)
    infinite, outside, below = _masked(values, metrics, ranges)

    valid = _some_valid(values)
    believed = np.ones(len(server), np.bool_) if cutoff is None else micros < cutoff[server]
    dropped = Counter(clock_skew=int((~believed).sum()), without_valid_value=int((believed & ~valid).sum()))
    valid &= believed
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
        off_step=off_step,
        suspects=doubtful,
        merged=merged,
        dropped=dropped,
    )


def _masked(
    values: Floats, metrics: Sequence[str], ranges: Mapping[str, Sequence[float | None]]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Set implausible values to NaN in place; how many there were by metric, and how many too low."""
    infinite, outside, below = {}, {}, {}
    for position, name in enumerate(metrics):
        column = values[:, position]
        low, high = ranges.get(name, (None, None))
        if _within(column, low, high):
            infinite[name] = outside[name] = below[name] = 0
            continue
        endless = np.abs(column) > np.float32(LARGEST)  # NaN is not
        column[endless] = np.nan
        infinite[name] = int(endless.sum())
        beyond = np.zeros(len(column), np.bool_)
        # the bounds in float32 too: 0.1 must lie within [0.1, 1]
        if low is not None:
            beyond |= column < np.float32(low)
        below[name] = int(beyond.sum())
        if high is not None:
            beyond |= column > np.float32(high)
        column[beyond] = np.nan
        outside[name] = int(beyond.sum())
    return infinite, outside, below


def _within(column: Floats, low: float | None, high: float | None) -> bool:
    """Whether all values are plausible, as those of most columns are."""
    if not len(column):
        return True
    least, most = column.min(), column.max()
    if np.isnan(least):
        # only where something is missing: it takes six times as long
        least, most = np.fmin.reduce(column), np.fmax.reduce(column)
    bounded = not (least < -np.float32(LARGEST) or most > np.float32(LARGEST))
    return (
        bounded
        and (low is None or not least < np.float32(low))
        and (high is None or not most > np.float32(high))
    )


def _some_valid(values: Floats) -> npt.NDArray[np.bool_]:
    """Which rows hold a value; column by column, as rows are short."""
    valid = np.zeros(len(values), np.bool_)
    for position in range(values.shape[1]):
        valid |= values[:, position] == values[:, position]
    return valid


def _rising(server: Ints, micros: Ints) -> bool:
    further = server[1:] > server[:-1]
    further |= (server[1:] == server[:-1]) & (micros[1:] >= micros[:-1])
    return bool(further.all())


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

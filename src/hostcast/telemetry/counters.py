"""Counters, which only grow until they restart from zero -> rates per second."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

__all__ = ["rates"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def rates(server: Ints, micros: Ints, readings: Floats) -> tuple[Floats, Counter[str]]:
    """The growth per second since the server's reading before, NaN where there is none.

    A reading below the one before means a restart from zero in between: what was counted since is the
    growth that is known. Several readings at one instant count as their mean. A row's rate holds
    nothing observed after that row.

    Args:
        readings: of one counter, NaN = missing, (rows,).

    Returns:
        The rates, (rows,), and how many readings were `counter_resets`, had none before them
        (`counter_starts`), were negative or infinite (`counter_invalid`), or stood beside another
        reading of their instant (`counter_conflicts`).
    """
    invalid = (readings < 0) | np.isinf(readings)
    rows = np.flatnonzero(~(np.isnan(readings) | invalid))
    order = rows[np.lexsort((readings[rows], micros[rows], server[rows]))]
    own, time, value = server[order], micros[order], readings[order]

    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (own[1:] != own[:-1]) | (time[1:] != time[:-1])
    start = np.flatnonzero(fresh)
    counts = np.diff(np.append(start, len(order)))
    differing = ~fresh
    differing[1:] &= value[1:] != value[:-1]
    own, time = own[start], time[start]
    if len(start) < len(order):
        value = np.add.reduceat(value, start) / counts

    first = np.ones(len(start), np.bool_)
    first[1:] = own[1:] != own[:-1]
    grown = np.diff(value, prepend=value[:1])
    reset = (grown < 0) & ~first
    grown[reset] = value[reset]
    seconds = np.diff(time, prepend=time[:1]) / 1e6
    rate = np.full(len(start), np.nan)
    np.divide(grown, seconds, out=rate, where=~first)

    result = np.full(len(readings), np.nan)
    result[order] = np.repeat(rate, counts)
    return result, +Counter(
        counter_resets=int(reset.sum()),
        counter_starts=int(counts[first].sum()),
        counter_invalid=int(invalid.sum()),
        counter_conflicts=int(differing.sum()),
    )

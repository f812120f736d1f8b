"""Counters, which only grow until they restart from zero -> rates per second."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["KINDS", "Rates", "rates"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# what can happen to a reading, as bits
KINDS = {"counter_starts": 1, "counter_resets": 2, "counter_invalid": 4, "counter_conflicts": 8}


@dataclass(frozen=True)
class Rates:
    """A counter's growth per second.

    Attributes:
        values: NaN where there is none, (rows,).
        notes: what happened to each reading, (rows,).
    """

    values: Floats
    notes: npt.NDArray[np.uint8]

    def of(self, order: Ints) -> Rates:
        """Those of some rows, in an order."""
        return Rates(self.values[order], self.notes[order])

    def counted(self, rows: slice) -> Counter[str]:
        """How many of some rows' readings had none before them (`counter_starts`), were the first after
        a restart (`counter_resets`), negative or infinite (`counter_invalid`), or stood beside another
        reading of their instant (`counter_conflicts`)."""
        notes = self.notes[rows]
        return +Counter({kind: int(np.count_nonzero(notes & bit)) for kind, bit in KINDS.items()})


def rates(server: Ints, micros: Ints, readings: Floats) -> Rates:
    """The growth per second since the server's reading before.

    A reading below the one before means a restart from zero in between: what was counted since is the
    growth that is known. Differing readings at one instant count as their mean. A row's rate holds
    nothing observed after that row.

    Args:
        readings: of one counter, all of each server's, NaN = missing, (rows,).
    """
    notes = np.zeros(len(readings), np.uint8)
    invalid = (readings < 0) | np.isinf(readings)
    notes[invalid] = KINDS["counter_invalid"]
    rows = np.flatnonzero(~(np.isnan(readings) | invalid))
    order = rows[np.lexsort((readings[rows], micros[rows], server[rows]))]
    own, time, value = server[order], micros[order], readings[order]

    begins = np.ones(len(order), np.bool_)
    begins[1:] = (own[1:] != own[:-1]) | (time[1:] != time[:-1])
    differs = ~begins
    differs[1:] &= value[1:] != value[:-1]
    notes[order[differs]] |= KINDS["counter_conflicts"]
    start = np.flatnonzero(begins)
    size = np.diff(np.append(start, len(order)))
    own, time = own[start], time[start]
    if len(start) < len(order):
        # a reading that is repeated counts once
        distinct = begins | differs
        value = np.add.reduceat(np.where(distinct, value, 0), start)
        value /= np.add.reduceat(distinct, start, dtype=np.int64)

    first = np.ones(len(start), np.bool_)
    first[1:] = own[1:] != own[:-1]
    grown = np.diff(value, prepend=value[:1])
    reset = (grown < 0) & ~first
    grown[reset] = value[reset]
    rate = np.full(len(start), np.nan)
    np.divide(grown, np.diff(time, prepend=time[:1]) / 1e6, out=rate, where=~first)
    notes[order[np.repeat(first, size)]] |= KINDS["counter_starts"]
    notes[order[start[reset]]] |= KINDS["counter_resets"]

    values = np.full(len(readings), np.nan)
    values[order] = np.repeat(rate, size)
    return Rates(values, notes)

"""Columns that look like something else than they are taken for; they are named, not changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Suspect", "suspects"]

# fewer values say too little
_ENOUGH = 24
# all that a first look at a server takes: few gauges rise through so many values
_HEAD = 64
_LARGE = 1000


@dataclass(frozen=True)
class Suspect:
    """A column that looks odd on one server.

    Attributes:
        server: its code.
        metric: position of the metric.
        kind: `counter` (grows all the time, beyond its range), `fraction` (all within 0 and 1 in a
            column of %), `no_percent` (far above 100 in a column of %).
    """

    server: int
    metric: int
    kind: Literal["counter", "fraction", "no_percent"]


def suspects(
    server: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    metrics: Sequence[str],
    ranges: Mapping[str, Sequence[float | None]],
    known_counters: Sequence[str] = (),
) -> list[Suspect]:
    """Look through values that are sorted by server and time, before implausible ones are masked."""
    if not len(server):
        return []
    begin = np.flatnonzero(np.append(True, server[1:] != server[:-1]))
    end = np.append(begin[1:], len(server))
    high = {name: (ranges.get(name) or (None, None))[1] for name in metrics}
    percent = [tuple(ranges.get(name) or ()) == (0, 100) for name in metrics]
    found = []
    for first, last in zip(begin.tolist(), end.tolist(), strict=True):
        if last - first < _ENOUGH:
            continue
        head = values[first : min(first + _HEAD, last)]
        # a comparison with NaN is false: gaps hide nothing and prove nothing
        rising = ~(head[1:] < head[:-1]).any(axis=0)
        small = np.array(percent) & ~((head < 0) | (head > 1)).any(axis=0)
        large = np.array(percent) & ((head > _LARGE) | np.isnan(head)).all(axis=0)
        for metric in np.flatnonzero(rising | small | large).tolist():
            column = values[first:last, metric]
            column = column[~np.isnan(column)]
            kind = _kind(column, high[metrics[metric]], percent[metric])
            if kind is not None and not (kind == "counter" and metrics[metric] in known_counters):
                found.append(Suspect(int(server[first]), metric, kind))
    return found


def _kind(
    column: npt.NDArray[np.float32], high: float | None, percent: bool
) -> Literal["counter", "fraction", "no_percent"] | None:
    if len(column) < _ENOUGH:
        return None
    grown = np.diff(column)
    falls = grown < 0
    # a disk that fills rises too, within its range; a counter falls to next to nothing, and rarely
    restarts = column[1:][falls] <= column[:-1][falls] / 2
    rises = bool((grown > 0).mean() >= 0.5 and falls.mean() <= 0.05 and restarts.all())
    if rises and (high is None or column.max() > high):
        return "counter"
    if percent and column.min() >= 0 and column.max() <= 1 and column.min() < column.max():
        return "fraction"
    if percent and (column > _LARGE).mean() > 0.5:
        return "no_percent"
    return None

"""Columns that look like something else than they are taken for; they are named, not changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Suspects"]

Kind = Literal["counter", "fraction", "no_percent"]
Floats = npt.NDArray[np.float32]

# fewer values say too little
_ENOUGH = 24
# a first look at a server takes so many: few gauges rise through all of them
_HEAD = 64
_LARGE = 1000


@dataclass(frozen=True)
class Suspects:
    """What looks odd in some rows, by server code.

    Attributes:
        looked: codes of servers with enough rows to tell.
        odd: (server, metric, kind): `counter` (grows all the time, beyond its range), `fraction` (all
            within 0 and 1 in a column of %), `no_percent` (far above 100 in a column of %).
    """

    looked: list[int]
    odd: list[tuple[int, str, Kind]]

    @classmethod
    def among(
        cls,
        server: npt.NDArray[np.int64],
        values: Floats,
        metrics: Sequence[str],
        ranges: Mapping[str, Sequence[float | None]],
        counters: Sequence[str] = (),
    ) -> Self:
        """Look through values that are sorted by server and time, before implausible ones are masked."""
        begin = np.flatnonzero(np.diff(server, prepend=-1))
        end = np.append(begin, len(server))[1:]
        high = {name: (ranges.get(name) or (None, None))[1] for name in metrics}
        percent = np.array([tuple(ranges.get(name) or ()) == (0, 100) for name in metrics])
        known = [name in counters for name in metrics]
        enough = end - begin >= _ENOUGH
        begin, end = begin[enough], end[enough]
        suspects = cls(server[begin].tolist(), [])
        for own, place in _candidates(values, begin, end, percent):
            name = metrics[place]
            kind = _kind(values[begin[own] : end[own], place], high[name], percent=bool(percent[place]))
            if kind is not None and not (kind == "counter" and known[place]):
                suspects.odd.append((suspects.looked[own], name, kind))
        return suspects

    @staticmethod
    def agreed(looks: Sequence[Suspects]) -> list[tuple[int, str, Kind]]:
        """What looks odd wherever somebody looked."""
        looked = Counter(code for look in looks for code in look.looked)
        odd = Counter(entry for look in looks for entry in look.odd)
        return sorted(entry for entry, count in odd.items() if count == looked[entry[0]])


def _candidates(
    values: Floats,
    begin: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    percent: npt.NDArray[np.bool_],
) -> list[tuple[int, int]]:
    """Servers and columns that are worth a look at all their values; all servers' heads at once."""
    if not len(begin):
        return []
    # what a short server lacks is as its last value, which neither falls nor changes what it holds
    rows = np.minimum(begin[:, None] + np.arange(_HEAD), end[:, None] - 1)
    head = values[rows]
    steps = np.minimum(end - begin, _HEAD) - 1
    # a comparison with NaN is false: gaps hide nothing and prove nothing
    rising = (head[:, 1:] < head[:, :-1]).sum(axis=1) <= 0.05 * steps[:, None]
    small = percent & ~((head < 0) | (head > 1)).any(axis=1)
    large = percent & ((head > _LARGE) | np.isnan(head)).all(axis=1)
    found: list[list[int]] = np.argwhere(rising | small | large).tolist()
    return [(own, place) for own, place in found]


def _kind(column: Floats, high: float | None, *, percent: bool) -> Kind | None:
    column = column[~np.isnan(column)]
    if len(column) < _ENOUGH:
        return None
    falls = column[1:] < column[:-1]
    # a disk that fills rises too, within its range; a counter falls to next to nothing, and rarely
    restarts = column[1:][falls] <= column[:-1][falls] / 2
    rises = (column[1:] > column[:-1]).mean() >= 0.5 and falls.mean() <= 0.05 and restarts.all()
    if rises and (high is None or column.max() > high):
        return "counter"
    if percent and column.min() >= 0 and column.max() <= 1 and column.min() < column.max():
        return "fraction"
    if percent and (column > _LARGE).mean() > 0.5:
        return "no_percent"
    return None

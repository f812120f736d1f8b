"""Rows put aside on disk, sorted by server: what lets a group of servers be worked on alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hostcast.files import unsynced_path
from hostcast.parts import CHUNK_STEPS
from hostcast.telemetry.observations import Observations

__all__ = ["Run", "Sorted"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sorted:
    """A block's rows, by server.

    Attributes:
        names: servers, sorted.
        bounds: name i has the rows bounds[i] to bounds[i + 1] - 1, in the order read.
        micros, values, counters: see `Observations`.
        chunk: the stretch of time of each row, or of all.
    """

    names: list[str]
    bounds: Ints
    micros: Ints
    values: Floats
    counters: npt.NDArray[np.float64]
    chunk: Ints | int

    @classmethod
    def of(cls, rows: Observations, step_micros: int) -> Self:
        """Sort rows, where they are not sorted yet."""
        # few bits sort fast
        code: npt.NDArray[Any] = rows.server.astype(np.uint16 if len(rows.names) <= 1 << 16 else np.uint32)
        micros, values, counters = rows.micros, rows.values, rows.counters
        if (code[1:] < code[:-1]).any():
            order = np.argsort(code, kind="stable")
            # twice as fast as an index in brackets
            micros, values, counters = (
                micros.take(order),
                values.take(order, axis=0),
                counters.take(order, axis=0),
            )
        counts = np.bincount(code, minlength=len(rows.names))
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        chunk = _chunk_of(micros, CHUNK_STEPS * step_micros)
        return cls(rows.names, bounds, micros, values, counters, chunk)

    @property
    def nbytes(self) -> int:
        """Memory that the rows take."""
        return self.micros.nbytes + self.values.nbytes + self.counters.nbytes

    def only(self, wanted: Mapping[str, Set[int]]) -> Self:
        """Rows of some servers and stretches of time alone."""
        chunk = np.full(len(self.micros), self.chunk) if isinstance(self.chunk, int) else self.chunk
        kept = np.zeros(len(chunk), np.bool_)
        for place, name in enumerate(self.names):
            if name in wanted:
                own = slice(int(self.bounds[place]), int(self.bounds[place + 1]))
                kept[own] = np.isin(chunk[own], list(wanted[name]))
        behind = np.concatenate([[0], np.cumsum(kept)])
        return type(self)(
            self.names,
            behind[self.bounds],
            self.micros[kept],
            self.values[kept],
            self.counters[kept],
            chunk[kept],
        )


@dataclass(frozen=True)
class Run:
    """A block's rows, put aside: in memory while they are few, or in a file.

    A file holds all times, then all values, then all readings of counters.

    Attributes:
        names, bounds: see `Sorted`.
        metrics, counters: values and readings of a row.
        chunks: first and last stretch of time.
        path: the file; None = in memory.
        rows: in memory.
    """

    names: list[str]
    bounds: Ints
    metrics: int
    counters: int
    chunks: tuple[int, int]
    path: Path | None
    rows: Sorted | None

    @classmethod
    def write(cls, rows: Sorted, path: Path | None) -> Self | None:
        """Put rows aside in a file, or without a path in memory; None if there are none."""
        if not len(rows.micros):
            return None
        if path is not None:
            with unsynced_path(path) as temporary, temporary.open("wb") as file:
                for array in (rows.micros, rows.values, rows.counters):
                    np.ascontiguousarray(array).tofile(file)
        chunk = rows.chunk
        span = (chunk, chunk) if isinstance(chunk, int) else (int(chunk.min()), int(chunk.max()))
        kept = rows if path is None else None
        widths = rows.values.shape[1], rows.counters.shape[1]
        return cls(rows.names, rows.bounds, *widths, span, path, kept)

    def of(self, first: str, last: str) -> tuple[list[str], Ints, Ints, Floats, npt.NDArray[np.float64]]:
        """Rows of the servers from `first` to `last` by name: names, rows of each, times, values and
        readings of counters."""
        low, high = bisect_left(self.names, first), bisect_right(self.names, last)
        begin, end, total = int(self.bounds[low]), int(self.bounds[high]), int(self.bounds[-1])
        counts = np.diff(self.bounds[low : high + 1])
        if self.rows is not None:
            own, rows = slice(begin, end), self.rows
            return self.names[low:high], counts, rows.micros[own], rows.values[own], rows.counters[own]
        assert self.path is not None, "rows are in a file or in memory"
        with self.path.open("rb") as file:
            file.seek(begin * 8)
            micros = np.fromfile(file, np.int64, end - begin)
            file.seek(total * 8 + begin * self.metrics * 4)
            values = np.fromfile(file, np.float32, (end - begin) * self.metrics)
            file.seek(total * (8 + self.metrics * 4) + begin * self.counters * 8)
            readings = np.fromfile(file, np.float64, (end - begin) * self.counters)
        return (
            self.names[low:high],
            counts,
            micros,
            values.reshape(end - begin, self.metrics),
            readings.reshape(end - begin, self.counters),
        )


def _chunk_of(micros: Ints, length: int) -> Ints | int:
    if not len(micros):
        return 0
    low, high = int(micros.min()) // length, int(micros.max()) // length
    return low if low == high else np.floor_divide(micros, length)

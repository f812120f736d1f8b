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
        micros, values: see `Observations`.
        chunk: the stretch of time of each row, or of all.
    """

    names: list[str]
    bounds: Ints
    micros: Ints
    values: Floats
    chunk: Ints | int

    @classmethod
    def of(cls, rows: Observations, step_micros: int) -> Self:
        """Sort rows, where they are not sorted yet."""
        # few bits sort fast
        code: npt.NDArray[Any] = rows.server.astype(np.uint16 if len(rows.names) <= 1 << 16 else np.uint32)
        micros, values = rows.micros, rows.values
        if (code[1:] < code[:-1]).any():
            order = np.argsort(code, kind="stable")
            micros, values = micros[order], values[order]
        counts = np.bincount(code, minlength=len(rows.names))
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(rows.names, bounds, micros, values, _chunk_of(micros, CHUNK_STEPS * step_micros))

    def only(self, wanted: Mapping[str, Set[int]]) -> Self:
        """Rows of some servers and stretches of time alone."""
        chunk = np.full(len(self.micros), self.chunk) if isinstance(self.chunk, int) else self.chunk
        kept = np.zeros(len(chunk), np.bool_)
        for place, name in enumerate(self.names):
            if name in wanted:
                own = slice(int(self.bounds[place]), int(self.bounds[place + 1]))
                kept[own] = np.isin(chunk[own], list(wanted[name]))
        behind = np.concatenate([[0], np.cumsum(kept)])
        return type(self)(self.names, behind[self.bounds], self.micros[kept], self.values[kept], chunk[kept])


@dataclass(frozen=True)
class Run:
    """A block's rows, put aside in a file (all times, then all values) or, while they are few, in memory.

    Attributes:
        names, bounds: see `Sorted`.
        metrics: values of a row.
        chunks: first and last stretch of time.
        path: the file; None = in memory.
        rows: in memory.
    """

    names: list[str]
    bounds: Ints
    metrics: int
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
                np.ascontiguousarray(rows.micros).tofile(file)
                np.ascontiguousarray(rows.values).tofile(file)
        chunk = rows.chunk
        span = (chunk, chunk) if isinstance(chunk, int) else (int(chunk.min()), int(chunk.max()))
        kept = rows if path is None else None
        return cls(rows.names, rows.bounds, rows.values.shape[1], span, path, kept)

    def of(self, first: str, last: str) -> tuple[list[str], Ints, Ints, Floats]:
        """Rows of the servers from `first` to `last` by name: names, rows of each, times, values."""
        low, high = bisect_left(self.names, first), bisect_right(self.names, last)
        begin, end = int(self.bounds[low]), int(self.bounds[high])
        counts = np.diff(self.bounds[low : high + 1])
        if self.rows is not None:
            return self.names[low:high], counts, self.rows.micros[begin:end], self.rows.values[begin:end]
        assert self.path is not None, "rows are in a file or in memory"
        with self.path.open("rb") as file:
            file.seek(begin * 8)
            micros = np.fromfile(file, np.int64, end - begin)
            file.seek(int(self.bounds[-1]) * 8 + begin * self.metrics * 4)
            values = np.fromfile(file, np.float32, (end - begin) * self.metrics)
        return self.names[low:high], counts, micros, values.reshape(-1, self.metrics)


def _chunk_of(micros: Ints, length: int) -> Ints | int:
    if not len(micros):
        return 0
    low, high = int(micros.min()) // length, int(micros.max()) // length
    return low if low == high else np.floor_divide(micros, length)

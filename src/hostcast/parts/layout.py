"""Where each server's rows lie: in the table, and in its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hostcast.parts.grouping import CHUNK_STEPS

__all__ = ["Layout", "Part", "Piece"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Rows of one server in one file.

    Attributes:
        server: the server's place.
        offset: its first row here, counted from the server's first.
        count: rows.
    """

    server: int
    offset: int
    count: int


@dataclass(frozen=True)
class Part:
    """One file: a group of servers over a stretch of time.

    Attributes:
        group: the group's number.
        chunk: steps chunk * CHUNK_STEPS to (chunk + 1) * CHUNK_STEPS - 1.
        name: of the file.
        pieces: in the file's order.
    """

    group: int
    chunk: int
    name: str
    pieces: tuple[Piece, ...]

    @cached_property
    def rows(self) -> int:
        """Rows of the file."""
        return sum(piece.count for piece in self.pieces)


@dataclass(frozen=True)
class Layout:
    """A table with one row for each step of each server, from its first to its last.

    Attributes:
        servers: their names, sorted; the table holds one server after another.
        first: each server's first step, counted from 1970.
        rows: each server's number of rows.
        groups: group g has the servers groups[g] to groups[g + 1] - 1.
        step_micros: length of a step, microseconds.
    """

    servers: list[str]
    first: Ints
    rows: Ints
    groups: Ints
    step_micros: int

    @cached_property
    def bounds(self) -> Ints:
        """Server i owns the rows bounds[i] to bounds[i + 1] - 1 of the table."""
        return np.concatenate([[0], np.cumsum(self.rows)]).astype(np.int64)

    @cached_property
    def parts(self) -> list[Part]:
        """All files, by group and time."""
        return [part for group in range(len(self.groups) - 1) for part in self.parts_of(group)]

    @cached_property
    def _first_chunk(self) -> int:
        return int(self.first.min()) // CHUNK_STEPS

    def parts_of(self, group: int) -> Iterator[Part]:
        """The files of a group, by time."""
        low, high = int(self.groups[group]), int(self.groups[group + 1])
        first, last = self.first[low:high], self.first[low:high] + self.rows[low:high]
        for chunk in range(int(first.min()) // CHUNK_STEPS, (int(last.max()) - 1) // CHUNK_STEPS + 1):
            begin = np.maximum(first, chunk * CHUNK_STEPS)
            count = np.minimum(last, (chunk + 1) * CHUNK_STEPS) - begin
            pieces = tuple(
                Piece(low + int(place), int(begin[place] - first[place]), int(count[place]))
                for place in np.flatnonzero(count > 0)
            )
            if pieces:
                name = f"part-{group:05d}-{chunk - self._first_chunk:05d}.parquet"
                yield Part(group, chunk, name, pieces)

    def micros(self, server: int, offset: int, count: int) -> Ints:
        """Times of a server's rows, in microseconds since 1970."""
        steps = np.arange(offset, offset + count, dtype=np.int64)
        return (steps + int(self.first[server])) * self.step_micros

"""Counting values by size: bins of a tenth each, without holding all values at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Cells", "Histogram", "edges_of", "in_order"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BINS = 10
# A cell holds the numbers that share their sign, exponent and 11 bits behind it: 0.05 % of their size.
_DROPPED_BITS = 12
_LAST_OF_CELL = np.uint32((1 << _DROPPED_BITS) - 1)
_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class Histogram:
    """Values of a column, counted; counts of the same edges add up.

    Attributes:
        edges: rising; bin i holds what lies above edges[i - 1], up to and with edges[i].
        counts: one for each edge, and one for what lies above the last, (edges + 1,).
        missing: rows without a value.
        total: sum of the values.
    """

    edges: Floats
    counts: Ints
    missing: int
    total: float

    @classmethod
    def none(cls, edges: Floats) -> Self:
        """Of no rows."""
        return cls(edges, np.zeros(len(edges) + 1, np.int64), 0, 0.0)

    @classmethod
    def of(cls, edges: Floats, ordered: Floats, missing: int) -> Self:
        """Count values.

        Args:
            edges: of the bins.
            ordered: the values, see `in_order`.
            missing: rows without one.
        """
        below = np.searchsorted(ordered, edges, side="right")
        counts = np.diff(below, prepend=0, append=len(ordered)).astype(np.int64)
        return cls(edges, counts, missing, float(ordered.sum(dtype=np.float64)))

    def __add__(self, other: Histogram) -> Histogram:
        assert np.array_equal(self.edges, other.edges), "counts of different bins don't add up"
        return Histogram(
            self.edges, self.counts + other.counts, self.missing + other.missing, self.total + other.total
        )

    @property
    def values(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.values + self.missing

    @property
    def missing_share(self) -> float | None:
        """Of all rows; None if there are none."""
        return self.missing / self.rows if self.rows else None

    @property
    def mean(self) -> float | None:
        """None if there is no value."""
        return self.total / self.values if self.values else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            # the shortest digits that give the same single-precision number
            "edges": [float(str(edge)) for edge in self.edges],
            "counts": self.counts.tolist(),
            "missing": self.missing,
            "total": self.total,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        edges, counts = np.array(content["edges"], np.float32), np.array(content["counts"], np.int64)
        if len(counts) != len(edges) + 1 or (np.diff(edges) <= 0).any() or (counts < 0).any():
            raise ValueError("edges must rise, and there is one count more than edges")
        return cls(edges, counts, int(content["missing"]), float(content["total"]))


def in_order(values: Floats) -> Floats:
    """The values that are not missing, rising."""
    # adding zero makes one number of the two zeros
    return np.sort(values[~np.isnan(values)] + np.float32(0))


def edges_of(ordered: Floats) -> Floats:
    """Edges of bins that hold a tenth of the values each, where they can be told apart.

    The first bin takes what is less than all of them, the last one what is more.
    """
    if not len(ordered):
        return np.empty(0, np.float32)
    last = -(-len(ordered) * np.arange(1, BINS + 1) // BINS) - 1
    lowest = np.nextafter(ordered[0], np.float32(-np.inf))
    return np.unique(np.append(ordered[last], lowest).astype(np.float32))


@dataclass(frozen=True)
class Cells:
    """Values counted by cells so narrow that bins can be made of them later; adds up exactly.

    Attributes:
        cells: numbers of cells, rising with the values in them.
        counts: values in each, none of them 0.
    """

    cells: npt.NDArray[np.uint32]
    counts: Ints

    @classmethod
    def of(cls, ordered: Floats) -> Self:
        """Count values; see `in_order`."""
        bits = ordered.view(np.uint32)
        # floats rise like these integers
        keys = np.where(bits & _SIGN, ~bits, bits | _SIGN) >> np.uint32(_DROPPED_BITS)
        changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        begin = np.append(0, changes) if len(keys) else changes
        return cls(keys[begin], np.diff(begin, append=len(keys)).astype(np.int64))

    @classmethod
    def sum(cls, parts: Sequence[Cells]) -> Self:
        """All of them together."""
        keys, place = np.unique(np.concatenate([part.cells for part in parts]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
        return cls(keys, counts)

    def histogram(self, missing: int, total: float) -> Histogram:
        """Bins of a tenth each, as `edges_of` makes them but for the width of a cell."""
        if not len(self.cells):
            return Histogram(np.empty(0, np.float32), np.zeros(1, np.int64), missing, total)
        behind = np.cumsum(self.counts)
        last = -(-int(behind[-1]) * np.arange(1, BINS + 1) // BINS)
        chosen = np.unique(np.searchsorted(behind, last))
        counts = np.diff(behind[chosen], prepend=0)
        upper = _highest(np.append(self.cells[0] - np.uint32(1), self.cells[chosen]))
        return Histogram(upper, np.concatenate([[0], counts, [0]]).astype(np.int64), missing, total)


def _highest(cells: npt.NDArray[np.uint32]) -> Floats:
    """The largest number of each cell."""
    keys = (cells << np.uint32(_DROPPED_BITS)) | _LAST_OF_CELL
    found = np.where(keys & _SIGN, keys ^ _SIGN, ~keys).astype(np.uint32).view(np.float32)
    # of the cell below zero it would be the negative zero, which compares as zero does
    return np.where(np.signbit(found) & (found == 0), np.nextafter(np.float32(0), np.float32(-1)), found)

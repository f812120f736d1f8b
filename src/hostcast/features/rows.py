"""Rows of several servers as plain arrays: what features are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy.typing as npt

__all__ = ["Columns", "ServerRows"]

# columns of numbers by name, each of one length
Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class ServerRows:
    """A regular grid for each server, one server after another.

    Attributes:
        counts: rows of each.
        first: each one's first time, microseconds since 1970.
        step: length of a step, microseconds.
        numbers: columns, NaN = missing.
    """

    counts: Sequence[int]
    first: Sequence[int]
    step: int
    numbers: Mapping[str, npt.NDArray[Any]]

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.counts)

    def slices(self) -> Iterator[slice]:
        """The rows of each server."""
        begin = 0
        for count in self.counts:
            yield slice(begin, begin + count)
            begin += count

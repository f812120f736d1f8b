"""The features table, column by column, so that nobody need hold it whole."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hostcast.errors import HostcastError
from hostcast.parts import part_numbers, part_texts, read_frame, read_index

__all__ = ["FeatureTable"]

SERVER = "server"
BLOCK_ROWS = 1 << 16
_REMEDY = "make it anew: dvc repro featurize"


class FeatureTable:
    """Rows of all servers, one server after another, one row per step.

    Attributes:
        servers: their names, in the table's order.
        bounds: (servers + 1,), int64: server i owns the rows bounds[i] to bounds[i + 1] - 1.
        shares: parts of the table that can be read side by side, each with servers of its own.
    """

    def __init__(self, columns: _Columns) -> None:
        self._columns = columns
        self.servers, self.bounds = columns.servers()
        self.shares = columns.shares

    @classmethod
    def open(cls, path: Path) -> Self:
        """A table in a folder of parts, or in a Parquet file, of which no more is read than is asked for."""
        return cls(_PartColumns(path) if path.is_dir() else _ParquetColumns(path))

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """A table in memory."""
        return cls(_FrameColumns(frame))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.bounds[-1])

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """One column of numbers as it is stored; NaN = missing."""
        column: npt.NDArray[Any] | None = None
        for share in range(self.shares):
            for first, block in self.blocks([name], share=share):
                values = block[name]
                if column is None:
                    column = np.empty(self.rows, dtype=values.dtype)
                column[first : first + len(values)] = values
        return np.empty(0, dtype=np.float32) if column is None else column

    def texts(self, name: str) -> list[str | None]:
        """One column of texts, a value for each server; None = missing.

        Raises:
            HostcastError: a server has more than one value.
        """
        return list(self.servers) if name == SERVER else self._columns.texts(name, self.servers, self.bounds)

    def blocks(
        self, names: Sequence[str], *, share: int | None = None
    ) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:
        """Several columns of numbers, some rows at a time: the first row's place, and the values by name.

        Blocks come in any order, but those of a server in the order of its rows.

        Args:
            names: columns.
            share: of which share; None = of all, one after another.
        """
        for own in range(self.shares) if share is None else [share]:
            yield from self._columns.blocks(names, own)

    def frame(self) -> pd.DataFrame:
        """The whole table."""
        return self._columns.frame()


class _Columns(Protocol):
    """Where a table's columns come from."""

    @property
    def shares(self) -> int:
        """See `FeatureTable`."""
        ...

    def servers(self) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Names and bounds."""
        ...

    def blocks(self, names: Sequence[str], share: int) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:
        """See `FeatureTable`."""
        ...

    def texts(self, name: str, servers: Sequence[str], bounds: npt.NDArray[np.int64]) -> list[str | None]:
        """See `FeatureTable`."""
        ...

    def frame(self) -> pd.DataFrame:
        """All of them."""
        ...


class _PartColumns:
    """Columns of a folder of parts; a group of servers is a share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = read_index(folder, stage="featurize")
        self.shares = len(self._index.layout.groups) - 1

    def servers(self) -> tuple[list[str], npt.NDArray[np.int64]]:
        layout = self._index.layout
        return layout.servers, layout.bounds

    def blocks(self, names: Sequence[str], share: int) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:
        layout = self._index.layout
        for part in layout.parts_of(share):
            values = part_numbers(self._index, part, names)
            begin = [int(layout.bounds[piece.server]) + piece.offset for piece in part.pieces]
            behind = 0
            for first, count in _joined(begin, [piece.count for piece in part.pieces]):
                yield first, {name: column[behind : behind + count] for name, column in values.items()}
                behind += count

    def texts(self, name: str, servers: Sequence[str], bounds: npt.NDArray[np.int64]) -> list[str | None]:
        found: dict[int, str | None] = {}
        for part in self._index.layout.parts:
            for piece, text in zip(part.pieces, part_texts(self._index, part, [name])[name], strict=True):
                if found.setdefault(piece.server, text) != text:
                    raise _changing(name, servers[piece.server])
        return [found[place] for place in range(len(servers))]

    def frame(self) -> pd.DataFrame:
        return read_frame(self._folder, stage="featurize")


class _Streamed(abc.ABC):
    """Columns whose servers are found by reading them."""

    shares = 1

    @abc.abstractmethod
    def arrays(self, names: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
        """The named columns, some rows at a time."""

    def servers(self) -> tuple[list[str], npt.NDArray[np.int64]]:
        names, ends = _runs(block[SERVER] for block in self.arrays([SERVER]))
        if len(set(names)) != len(names):
            raise HostcastError("the rows of a server do not stand together", column=SERVER, remedy=_REMEDY)
        return [str(name) for name in names], np.array([0, *ends], dtype=np.int64)

    def blocks(self, names: Sequence[str], share: int) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:
        first = 0
        for block in self.arrays(names):
            values = {name: _numbers(block[name]) for name in names}
            yield first, values
            first += len(next(iter(values.values())))

    def texts(self, name: str, servers: Sequence[str], bounds: npt.NDArray[np.int64]) -> list[str | None]:
        values, ends = _runs(block[name] for block in self.arrays([name]))
        # the run that each server's first and last row lie in
        first = np.searchsorted(ends, bounds[:-1], side="right")
        last = np.searchsorted(ends, bounds[1:] - 1, side="right")
        changing = np.flatnonzero(first != last)
        if len(changing):
            raise _changing(name, servers[changing[0]])
        return [None if values[run] is None else str(values[run]) for run in first]


class _ParquetColumns(_Streamed):
    def __init__(self, path: Path) -> None:
        self._path = path

    def arrays(self, names: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
        # a buffer would hold all that is asked for before the first block comes
        with pq.ParquetFile(self._path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=list(names)):
                yield {name: batch.column(name) for name in names}

    def frame(self) -> pd.DataFrame:
        return pd.read_parquet(self._path)


class _FrameColumns(_Streamed):
    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def arrays(self, names: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
        for first in range(0, len(self._frame), BLOCK_ROWS):
            part = self._frame.iloc[first : first + BLOCK_ROWS]
            yield {name: _array(part[name]) for name in names}

    def frame(self) -> pd.DataFrame:
        return self._frame


def _changing(name: str, server: str) -> HostcastError:
    return HostcastError(
        f"changes on server {server!r}; a static column has one value per server", column=name, remedy=_REMEDY
    )


def _joined(begin: Sequence[int], counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of rows; those that follow each other as one."""
    first, behind = begin[0], begin[0]
    for place, count in zip(begin, counts, strict=True):
        if place != behind:
            yield first, behind - first
            first = place
        behind = place + count
    yield first, behind - first


def _array(column: pd.Series) -> pa.Array:
    made = pa.array(column, from_pandas=True)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _numbers(column: pa.Array) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _runs(columns: Iterator[pa.Array]) -> tuple[list[Any], list[int]]:
    """Values that follow each other, equal ones as one, and the row behind each one's last."""
    values: list[Any] = []
    ends: list[int] = []
    first = 0
    for column in columns:
        runs = pc.run_end_encode(column, run_end_type=pa.int64())
        for value, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            if values and value == values[-1]:
                ends[-1] = first + end
            else:
                values.append(value)
                ends.append(first + end)
        first += len(column)
    return values, ends

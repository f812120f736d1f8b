"""The features table, column by column, so that nobody need hold it whole."""

from __future__ import annotations

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

__all__ = ["FeatureTable"]

SERVER = "server"
BLOCK_ROWS = 1 << 16
_REMEDY = "make it anew: dvc repro featurize"


class FeatureTable:
    """Rows of all servers, one server after another, one row per step.

    Attributes:
        servers: their names, in the table's order.
        bounds: (servers + 1,), int64: server i owns the rows bounds[i] to bounds[i + 1] - 1.
    """

    def __init__(self, columns: _Columns) -> None:
        self._columns = columns
        names, ends = _runs(block[SERVER] for block in columns.blocks([SERVER]))
        if len(set(names)) != len(names):
            raise HostcastError("the rows of a server do not stand together", column=SERVER, remedy=_REMEDY)
        self.servers: list[str] = [str(name) for name in names]
        self.bounds: npt.NDArray[np.int64] = np.array([0, *ends], dtype=np.int64)

    @classmethod
    def open(cls, path: Path) -> Self:
        """A table in a Parquet file, of which no more is read than is asked for."""
        return cls(_ParquetColumns(path))

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
        for first, block in self.blocks([name]):
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
        if name == SERVER:
            return list(self.servers)
        values, ends = _runs(block[name] for block in self._columns.blocks([name]))
        # the run that each server's first and last row lie in
        first = np.searchsorted(ends, self.bounds[:-1], side="right")
        last = np.searchsorted(ends, self.bounds[1:] - 1, side="right")
        changing = np.flatnonzero(first != last)
        if len(changing):
            raise HostcastError(
                f"changes on server {self.servers[changing[0]]!r}; a static column has one value per server",
                column=name,
                remedy=_REMEDY,
            )
        return [None if values[run] is None else str(values[run]) for run in first]

    def blocks(self, names: Sequence[str]) -> Iterator[tuple[int, dict[str, npt.NDArray[Any]]]]:
        """Several columns of numbers, some rows at a time: the first row's place, and the values by name."""
        first = 0
        for block in self._columns.blocks(names):
            values = {name: _numbers(block[name]) for name in names}
            yield first, values
            first += len(next(iter(values.values())))

    def frame(self) -> pd.DataFrame:
        """The whole table."""
        return self._columns.frame()


class _Columns(Protocol):
    """Where a table's columns come from."""

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
        """The named columns, some rows at a time."""
        ...

    def frame(self) -> pd.DataFrame:
        """All of them."""
        ...


class _ParquetColumns:
    def __init__(self, path: Path) -> None:
        self._path = path

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
        # a buffer would hold all that is asked for before the first block comes
        with pq.ParquetFile(self._path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=list(names)):
                yield {name: batch.column(name) for name in names}

    def frame(self) -> pd.DataFrame:
        return pd.read_parquet(self._path)


class _FrameColumns:
    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
        for first in range(0, len(self._frame), BLOCK_ROWS):
            part = self._frame.iloc[first : first + BLOCK_ROWS]
            yield {name: _array(part[name]) for name in names}

    def frame(self) -> pd.DataFrame:
        return self._frame


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

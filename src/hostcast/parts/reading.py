"""Reading parts, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hostcast.errors import HostcastError
from hostcast.parts.index import PartIndex, read_index
from hostcast.parts.layout import Part

__all__ = ["column_names", "missing_counts", "part_numbers", "part_texts", "read_frame", "read_part"]


def read_part(index: PartIndex, part: Part, names: Sequence[str] | None = None) -> pa.Table:
    """Some columns of a part, or all.

    Raises:
        HostcastError: the file is damaged, or has no such column.
    """
    path = index.folder / part.name
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            lacking = [name for name in names or () if name not in file.schema_arrow.names]
            if lacking:
                raise HostcastError("there is no such column", file=path, column=lacking[0], remedy=_REMEDY)
            return file.read(columns=None if names is None else list(names), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise HostcastError(f"damaged Parquet: {error}", file=path, remedy=_REMEDY) from None


def part_numbers(index: PartIndex, part: Part, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Columns of numbers of a part, NaN = missing."""
    table = read_part(index, part, names)
    return {name: table.column(name).to_numpy(zero_copy_only=False) for name in names}


def missing_counts(index: PartIndex, part: Part, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """How many of some columns are missing in each row of a part."""
    counts = np.zeros(part.rows, np.int64)
    metadata = _metadata(index, part)
    holed = [name for name in names if _holed(metadata, name)]
    for values in part_numbers(index, part, holed).values() if holed else ():
        counts += np.isnan(values)
    return counts


def _metadata(index: PartIndex, part: Part) -> Any:
    path = index.folder / part.name
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise HostcastError(f"damaged Parquet: {error}", file=path, remedy=_REMEDY) from None


def _holed(metadata: Any, name: str) -> bool:
    """Whether values of a column are missing, as far as the file's own notes tell."""
    place = metadata.schema.names.index(name) if name in metadata.schema.names else -1
    if place < 0:
        return True  # whoever reads it will say so
    notes = [metadata.row_group(group).column(place).statistics for group in range(metadata.num_row_groups)]
    return any(note is None or not note.has_null_count or note.null_count for note in notes)


def part_texts(index: PartIndex, part: Part, names: Sequence[str]) -> dict[str, list[str]]:
    """Columns of text that hold one value per server: that of each of the part's pieces."""
    if not names:
        return {}
    table = read_part(index, part, names)
    begin = np.cumsum([piece.count for piece in part.pieces]) - [piece.count for piece in part.pieces]
    return {name: table.column(name).take(pa.array(begin)).to_pylist() for name in names}


def column_names(index: PartIndex) -> list[str]:
    """Names of all columns of a table."""
    names: list[str] = _metadata(index, index.layout.parts[0]).schema.names
    return names


def read_frame(folder: Path, *, stage: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The whole table, or some columns of it, in memory: one server after another, one row per step.

    Args:
        folder: of the parts.
        stage: whose output they are, for messages.
        columns: names; None = all.
    """
    index = read_index(folder, stage=stage)
    tables = [read_part(index, part, columns) for part in index.layout.parts]
    table = pa.concat_tables(tables)
    order = _table_order(index)
    frame: pd.DataFrame = table.to_pandas() if order is None else table.take(pa.array(order)).to_pandas()
    return frame


def _table_order(index: PartIndex) -> npt.NDArray[np.int64] | None:
    """Where in the files, one after another, each row of the table lies; None if they are in order."""
    layout = index.layout
    pieces = [piece for part in layout.parts for piece in part.pieces]
    counts = np.array([piece.count for piece in pieces], np.int64)
    begin = np.array([layout.bounds[piece.server] + piece.offset for piece in pieces], np.int64)
    behind = np.cumsum(counts)
    if (begin == behind - counts).all():
        return None
    order = np.empty(int(behind[-1]), np.int64)
    for place, last, count in zip(begin.tolist(), behind.tolist(), counts.tolist(), strict=True):
        order[place : place + count] = np.arange(last - count, last)
    return order


_REMEDY = "make it anew: dvc repro"

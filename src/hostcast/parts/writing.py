"""Writing parts: fast, small, and the same bytes for the same values."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from hostcast.files import unsynced_path
from hostcast.parts.index import INDEX, PartFile
from hostcast.parts.layout import Layout, Part

__all__ = ["part_table", "publish", "write_part"]

SERVER, TIMESTAMP = "server", "timestamp"
ROW_GROUP = 1 << 20
BATCH = 1 << 16


def part_table(
    layout: Layout,
    part: Part,
    numbers: Mapping[str, npt.NDArray[np.float32]],
    texts: Mapping[str, Sequence[str]],
    order: Sequence[str],
    *,
    whole: Collection[str] = (),
) -> pa.Table:
    """A part's content.

    Args:
        layout: of the table.
        part: which part.
        numbers: columns of `part.rows` values, NaN = missing.
        texts: columns of one text for each of `part.pieces`.
        order: names of all columns after server and timestamp.
        whole: columns that lack nothing in any part, whatever the telemetry; they take less time to write.
    """
    counts = [piece.count for piece in part.pieces]
    owner = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    micros = [layout.micros(piece.server, piece.offset, piece.count) for piece in part.pieces]
    columns: dict[str, Any] = {
        SERVER: _coded(owner, [layout.servers[piece.server] for piece in part.pieces]),
        TIMESTAMP: pa.array(np.concatenate(micros)).cast(pa.timestamp("us", "UTC")),
    }
    for name in order:
        columns[name] = _coded(owner, texts[name]) if name in texts else _numbers(numbers[name])
    never = {SERVER, TIMESTAMP, *whole}
    fields = [pa.field(name, array.type, nullable=name not in never) for name, array in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def write_part(path: Path, table: pa.Table, *, counted: bool) -> PartFile:
    """Write a part's content.

    No fsync: the index, which is written last, tells a whole file from a torn one.

    Args:
        path: the file; it takes its place when it is complete.
        table: of `part_table`.
        counted: note in the file how many values of each column are missing, for `missing_counts`; it
            takes a fifth of the time.
    """
    floats = [field.name for field in table.schema if pa.types.is_float32(field.type)]
    with pa.BufferOutputStream() as made:
        pq.write_table(
            table,
            made,
            # bytes of like weight stand together: zstd would find little more, and take longer
            compression="lz4",
            row_group_size=ROW_GROUP,
            # looking for repeated values among numbers would take most of the time, and find few
            use_dictionary=[name for name in table.column_names if name not in (*floats, TIMESTAMP)],
            column_encoding={TIMESTAMP: "DELTA_BINARY_PACKED", **dict.fromkeys(floats, "BYTE_STREAM_SPLIT")},
            store_schema=False,
            write_statistics=counted,
            write_batch_size=BATCH,
        )
        content = made.getvalue()
    with unsynced_path(path) as temporary:
        temporary.write_bytes(content)
    return PartFile(path.name, hashlib.sha256(content).hexdigest(), content.size)


def publish(sources: Sequence[tuple[Path, PartFile]], folder: Path) -> None:
    """Put finished parts into a folder, and take out what was there; the index is still to be written.

    Args:
        sources: where each part is now, and what it is to be.
        folder: where parts are read from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).unlink(missing_ok=True)
    for old in folder.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    for path, file in sources:
        _link(path, folder / file.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _numbers(values: npt.NDArray[np.float32]) -> pa.Array:
    # most columns lack nothing, which a sum tells much sooner than a look for each value
    whole = bool(np.isfinite(np.add.reduce(values)))
    return pa.array(values) if whole else pa.array(values, from_pandas=True)


def _coded(owner: npt.NDArray[np.int32], texts: Sequence[str]) -> pa.DictionaryArray:
    distinct = sorted(set(texts))
    place = {text: code for code, text in enumerate(distinct)}
    codes = np.array([place[text] for text in texts], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes[owner]), pa.array(distinct, pa.string()))

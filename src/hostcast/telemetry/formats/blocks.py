"""One large file as blocks of bounded size; a small one is a single block."""

from __future__ import annotations

import codecs
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from hostcast.errors import HostcastError
from hostcast.telemetry.discovery import format_of, label_of
from hostcast.telemetry.formats.columns import Columns, chosen_columns
from hostcast.telemetry.formats.csv_text import made_header, read_csv
from hostcast.telemetry.formats.encoding import as_utf8
from hostcast.telemetry.formats.parquet import damaged_parquet, see_types
from hostcast.telemetry.formats.reading import read_file
from hostcast.telemetry.place import counted_from
from hostcast.telemetry.wanted import Wanted

__all__ = ["BLOCK_ROWS", "RawBlock", "Stretch", "Unread", "read_stretch", "stretches_of"]

# a block, with all that is made from it, takes some hundred megabytes
BLOCK_ROWS = 1 << 19
BLOCK_BYTES = 64 << 20
# a file up to this size is read whole
WHOLE_BYTES = 8 << 20

_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Stretch:
    """What is read by one thread: a file, or some row groups of a large Parquet file.

    Attributes:
        path: the file.
        whole: whether `read_file` reads it in one go.
        row_groups: of a large Parquet file; empty for text, which is read from its beginning.
        first_row: rows of the file before this stretch.
        bytes: about how many it takes on disk.
        rows_before: rows of the same server in files before this one, where time is counted in rows.
    """

    path: Path
    whole: bool
    row_groups: tuple[int, ...]
    first_row: int
    bytes: int
    rows_before: int = 0


@dataclass(frozen=True)
class RawBlock:
    """Rows of a file as they were written, not yet checked.

    Attributes:
        columns: all wanted columns.
        first_row: rows of the file before them.
    """

    columns: Columns
    first_row: int


class Unread(Protocol):
    """Rows of another source than files, to be read by one thread, as often as it takes."""

    @property
    def bytes(self) -> int:
        """About how many they take on disk."""

    def read(self, wanted: Wanted) -> Iterator[RawBlock]:
        """The rows, a bounded number at a time."""


def stretches_of(path: Path, endings: Mapping[str, str] | None = None) -> list[Stretch]:
    """Cut a file into stretches, without reading its rows.

    Compressed text and JSON are read whole, whatever their size.

    Args:
        path: the file.
        endings: see `find_files`.
    """
    kind = format_of(path, endings or {})
    assert kind is not None, "discovery passes known formats only"
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # whoever reads it will say so
    if size > WHOLE_BYTES and kind == ("csv", None) and _plain_text(path):
        return [Stretch(path, False, (), 0, size)]
    if size > WHOLE_BYTES and kind[0] == "parquet":
        return _parquet_stretches(path, size) or [Stretch(path, True, (), 0, size)]
    return [Stretch(path, True, (), 0, size)]


def read_stretch(stretch: Stretch, wanted: Wanted) -> Iterator[RawBlock]:
    """The rows of a stretch; see `read_file` for the errors."""
    if stretch.whole:
        yield RawBlock(read_file(stretch.path, wanted).columns, 0)
    elif stretch.row_groups:
        yield from _parquet_blocks(stretch, wanted)
    else:
        yield from _csv_blocks(stretch.path, wanted)


def _parquet_stretches(path: Path, size: int) -> list[Stretch]:
    try:
        with pq.ParquetFile(path) as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return []  # what is no Parquet is read whole, and refused there
    stretches: list[Stretch] = []
    groups: list[int] = []
    first = count = 0
    for group, own in enumerate(rows):
        groups.append(group)
        count += own
        if count >= BLOCK_ROWS or group == len(rows) - 1:
            stretches.append(Stretch(path, False, tuple(groups), first, size * count // max(sum(rows), 1)))
            first, count, groups = first + count, 0, []
    return stretches


def _parquet_blocks(stretch: Stretch, wanted: Wanted) -> Iterator[RawBlock]:
    label = label_of(stretch.path)
    first = stretch.first_row
    try:
        schema = pq.read_schema(stretch.path)
        chosen = chosen_columns(schema.names, wanted, label)
        theirs = list(dict.fromkeys(chosen.values()))
        see_types(schema, theirs)
        with pq.ParquetFile(
            stretch.path,
            memory_map=True,
            page_checksum_verification=True,
            # names repeat: as codes they take a fraction of the time
            read_dictionary=[name for name in theirs if _is_text(schema.field(name).type)],
        ) as file:
            for batch in file.iter_batches(
                BLOCK_ROWS,
                row_groups=list(stretch.row_groups),
                columns=theirs,
                use_threads=False,
            ):
                # text from a foreign writer need not be UTF-8, and would fail much later
                batch.validate(full=True)
                arrays = {ours: batch.column(name) for ours, name in chosen.items()}
                columns = Columns(arrays, chosen, tuple(schema.names))
                yield RawBlock(columns.complete(wanted), first)
                first += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged_parquet(error, label) from None


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _plain_text(path: Path) -> bool:
    """Whether lines are rows: no quotes, which may hold line ends, and no encoding of several bytes each."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        several = text[:2] in _BYTE_ORDER_MARKS or b"\0" in text[:64]
        return not several and text.find(b'"') < 0 and text.find(b"\n") >= 0


def _csv_blocks(path: Path, wanted: Wanted) -> Iterator[RawBlock]:
    label = label_of(path)
    first = 0
    with path.open("rb") as file:
        header = b"\n"
        while header and not header.strip():
            header = file.readline()
        if not wanted.unsaid.header:
            file.seek(len(codecs.BOM_UTF8) if header.startswith(codecs.BOM_UTF8) else 0)
            header = made_header(header)
        rest = b""
        while block := file.read(BLOCK_BYTES):
            text, mark, rest_ = (rest + block).rpartition(b"\n")
            rest = rest_ if mark else text + rest_
            if mark:
                columns = _csv_columns(header, text + mark, wanted, label, first)
                yield RawBlock(columns, first)
                first += columns.rows
        if rest.strip():
            yield RawBlock(_csv_columns(header, rest, wanted, label, first), first)
    if not first and not rest.strip():
        raise HostcastError(
            "has no rows", file=label, remedy="write the file again, or take it out of prepare.path"
        )


def _csv_columns(header: bytes, text: bytes, wanted: Wanted, file: str, first: int) -> Columns:
    data, encoding = as_utf8(header + text, wanted.encoding, file)
    with counted_from(first):
        return replace(read_csv(data, wanted, file), encoding=encoding).complete(wanted)

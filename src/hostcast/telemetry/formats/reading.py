"""One file -> its wanted columns as Arrow arrays, whatever the format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from hostcast.errors import HostcastError
from hostcast.telemetry.discovery import format_of, label_of
from hostcast.telemetry.formats.columns import Columns
from hostcast.telemetry.formats.compression import decompress
from hostcast.telemetry.formats.csv_text import made_header, read_csv
from hostcast.telemetry.formats.disguise import refuse_disguise, refuse_other_text
from hostcast.telemetry.formats.encoding import as_utf8
from hostcast.telemetry.formats.json_text import read_json, read_json_lines
from hostcast.telemetry.formats.parquet import read_parquet
from hostcast.telemetry.wanted import Wanted

__all__ = ["RawFile", "read_file"]

_READERS = {"parquet": read_parquet, "csv": read_csv, "json": read_json, "jsonl": read_json_lines}


@dataclass(frozen=True)
class RawFile:
    """A file's wanted columns as they were written, not yet checked.

    Attributes:
        label: the file's name in reports.
        format: parquet, csv, json or jsonl.
        sha256: hex digest of the file's bytes.
        rows: number of data rows.
        columns: all wanted columns, of length `rows`.
    """

    label: str
    format: str
    sha256: str
    rows: int
    columns: Columns


def read_file(path: Path, wanted: Wanted) -> RawFile:
    """Read the wanted columns of one file.

    Raises:
        HostcastError: the file can't be read, is empty, damaged or not of its format, lacks its key
            columns or all metrics, or names a column twice.
    """
    label = label_of(path)
    try:
        return _read(path, label, wanted)
    except OSError as error:
        raise HostcastError(
            f"can't be read: {error.strerror}", file=label, remedy="check the file and its permissions"
        ) from None
    except MemoryError:
        raise HostcastError(
            "takes more memory than there is, once unpacked", file=label, remedy="split the file"
        ) from None


def _read(path: Path, label: str, wanted: Wanted) -> RawFile:
    kind = format_of(path, wanted.unsaid.endings)
    assert kind is not None, "discovery passes known formats only"
    name, compression = kind
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    refuse_disguise(data, "parquet" if name == "parquet" else compression, label)
    if data and compression is not None:
        data = decompress(data, compression, label)
        refuse_disguise(data, None, label)
    encoding = None
    if name != "parquet":
        data, encoding = as_utf8(data, wanted.encoding, label)
    if not data:
        raise HostcastError(
            "is empty (0 bytes)", file=label, remedy="write the file again, or take it out of prepare.path"
        )
    if name != "parquet":
        refuse_other_text(data, name, label)
    if name == "csv" and not wanted.unsaid.header:
        data = made_header(data) + data
    found = replace(_READERS[name](data, wanted, label), encoding=encoding)
    if found.rows == 0:
        raise HostcastError(
            "has no rows", file=label, remedy="write the file again, or take it out of prepare.path"
        )
    return RawFile(label, name, digest, found.rows, found.complete(wanted))

"""One file -> its wanted columns as Arrow arrays, whatever the format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostcast.errors import HostcastError
from hostcast.telemetry.discovery import format_of, label_of
from hostcast.telemetry.formats.compression import decompress
from hostcast.telemetry.formats.csv_text import read_csv
from hostcast.telemetry.formats.disguise import refuse_disguise
from hostcast.telemetry.formats.json_text import read_json, read_json_lines
from hostcast.telemetry.formats.parquet import read_parquet

if TYPE_CHECKING:
    from hostcast.telemetry.wanted import Wanted

__all__ = ["RawFile", "named", "read_file"]

_READERS = {"parquet": read_parquet, "csv": read_csv, "json": read_json, "jsonl": read_json_lines}


@dataclass(frozen=True)
class RawFile:
    """A file's wanted columns as they were written, not yet checked.

    Attributes:
        label: the file's name in reports.
        format: parquet, csv, json or jsonl.
        sha256: hex digest of the file's bytes.
        rows: number of data rows.
        columns: hostcast's name -> Arrow array of length `rows`.
    """

    label: str
    format: str
    sha256: str
    rows: int
    columns: Mapping[str, Any]


def read_file(path: Path, wanted: Wanted) -> RawFile:
    """Read the wanted columns of one file.

    Raises:
        HostcastError: the file can't be read, is empty, damaged or not of its format, lacks a
            column, or names one twice.
    """
    label = label_of(path)
    kind = format_of(path)
    assert kind is not None, "discovery passes known formats only"
    name, compression = kind
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HostcastError(
            f"can't be read: {error.strerror}", file=label, remedy="check the file and its permissions"
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    packed = "parquet" if name == "parquet" else compression
    refuse_disguise(data, packed, label)
    if data and compression is not None:
        data = decompress(data, compression, label)
        refuse_disguise(data, None, label)
    if not data:
        raise HostcastError(
            "is empty (0 bytes)", file=label, remedy="write the file again, or take it out of prepare.path"
        )
    columns = named(_READERS[name](data, wanted.in_source, label), wanted)
    rows = len(next(iter(columns.values())))
    if rows == 0:
        raise HostcastError(
            "has no rows", file=label, remedy="write the file again, or take it out of prepare.path"
        )
    return RawFile(label, name, digest, rows, columns)


def named(by_source: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    """Columns under hostcast's names."""
    return {ours: by_source[theirs] for ours, theirs in wanted.source_names.items()}

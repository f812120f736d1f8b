"""Writing artifacts: whole or not at all, and the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = [
    "atomic_path",
    "read_json",
    "sha256_of",
    "unsynced_path",
    "write_json",
    "write_parquet",
    "write_text",
]


# of JSON that are indented
LEVELS = 2


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that replaces it when the block ends without error.

    A crash, an exception or a full disk leaves what stood at `path` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    # as readable as the user's umask says; to ask for that would change it for other threads
    temporary.touch(0o666, exist_ok=False)
    mode = stat.S_IMODE(temporary.stat().st_mode)
    try:
        yield temporary
        # some libraries put a private file in its place
        temporary.chmod(mode)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def unsynced_path(path: Path) -> Iterator[Path]:
    """Like `atomic_path`, without waiting for the disk: for what is checked against a digest before use.

    Two writers of the same file don't meet: of a machine that was given up, work may still go on.
    """
    temporary = _beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A name that no other file has."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with Unix line ends on every system."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON; NaN and infinity are refused, they are not JSON."""
    write_text(path, _indented(content, 0) + "\n")


def _indented(content: Any, depth: int) -> str:
    # what lies deep is many short entries: on a line each they are easier to read, and quicker to write
    if depth == LEVELS or not content or not isinstance(content, dict | list | tuple):
        return json.dumps(content, ensure_ascii=False, allow_nan=False)
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(content, dict):
        begin, end = "{", "}"
        # a key may be a number or None, which JSON writes as text
        keys = [json.dumps({key: 0}, ensure_ascii=False)[1:-4] for key in content]
        entries = [
            f"{key}: {_indented(value, depth + 1)}" for key, value in zip(keys, content.values(), strict=True)
        ]
    else:
        begin, end = "[", "]"
        entries = [_indented(value, depth + 1) for value in content]
    return f"{begin}\n{inner}" + f",\n{inner}".join(entries) + f"\n{outer}{end}"


def read_json(path: Path) -> Any:
    """Parse a JSON file."""
    return json.loads(path.read_text("utf-8"))


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame without its index, as the same bytes for the same values."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=1 << 20)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

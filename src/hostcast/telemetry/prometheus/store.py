"""Answers on disk: one Parquet file per query and span, whole or not there."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hostcast.errors import HostcastError
from hostcast.files import atomic_path, sha256_of, write_json
from hostcast.telemetry.prometheus.answers import LABEL
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.spans import Span

__all__ = ["Kept", "Store", "held"]

log = logging.getLogger(__name__)

_STAMP = r"(\d{8}T\d{6}(?:\.\d{3})?)Z"
_NAME = re.compile(rf"{_STAMP}_{_STAMP}_([0-9a-f]{{16}})\.parquet")


@dataclass(frozen=True, order=True)
class Kept:
    """An answer's file, named by its span and the beginning of its SHA-256."""

    span: Span
    path: Path

    def sha256(self) -> str | None:
        """Of its bytes; None if they are not those that were written."""
        try:
            digest = sha256_of(self.path)
        except OSError:
            return None
        found = _NAME.fullmatch(self.path.name)
        return digest if found is not None and digest.startswith(found[3]) else None

    def rows(self) -> int:
        """How many rows it holds, as it says itself."""
        with _clearly(self.path):
            rows: int = pq.read_metadata(self.path).num_rows
            return rows


@dataclass(frozen=True)
class Store:
    """The answers to one query.

    Args:
        top: folder of all queries' folders.
    """

    top: Path
    query: Query

    @property
    def folder(self) -> Path:
        """Folder of this query."""
        return self.top / self.query.folder

    def files(self, span: Span | None = None) -> list[Kept]:
        """What is there of a span, or at all, in order; spans of files may overlap."""
        found = (self._kept(path) for path in self.folder.glob("*.parquet"))
        return sorted(
            kept
            for kept in found
            if kept is not None
            and (span is None or (kept.span.first < span.stop and kept.span.stop > span.first))
        )

    def spans(self) -> list[Span]:
        """Of all files, in order."""
        return [kept.span for kept in self.files()]

    def write(self, span: Span, table: Any) -> None:
        """Keep an answer."""
        if not (self.folder / "query.json").exists():
            write_json(self.folder / "query.json", asdict(self.query))
        content = pa.BufferOutputStream()
        pq.write_table(table, content, compression="zstd", write_page_checksum=True)
        data = content.getvalue()
        first, stop = (_stamp(step * self.query.step_ms) for step in (span.first, span.stop))
        name = f"{first}_{stop}_{hashlib.sha256(data).hexdigest()[:16]}.parquet"
        with atomic_path(self.folder / name) as temporary:
            temporary.write_bytes(data)

    def read(self, span: Span, files: Sequence[Kept]) -> Any:
        """The rows of a span out of files that cover it; sorted within each of them.

        Raises:
            HostcastError: a file can't be read.
        """
        tables = []
        reached = span.first
        for kept in files:
            own = kept.span
            if own.stop <= reached or own.first >= span.stop:
                continue
            table = self._rows(kept.path)
            step = np.asarray(table.column("timestamp").cast(pa.int64())) // self.query.step_ms - 1
            stop = min(own.stop, span.stop)
            tables.append(table.filter(pa.array((step >= reached) & (step < stop))))
            reached = stop
        return pa.concat_tables(tables).unify_dictionaries()

    def forget(self, span: Span) -> None:
        """Remove every file that holds a step of the span."""
        for kept in self.files(span):
            kept.path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what a killed process left half written."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)

    def _rows(self, path: Path) -> Any:
        columns = ["server", "timestamp", "value", *(LABEL + label for label in self.query.static)]
        with _clearly(path):
            return pq.read_table(path, columns=columns, page_checksum_verification=True)

    def _kept(self, path: Path) -> Kept | None:
        found = _NAME.fullmatch(path.name)
        if found is None:
            return None
        first, stop = (pd.Timestamp(text).as_unit("ms").value // 10**6 for text in found.groups()[:2])
        return Kept(Span(first // self.query.step_ms, stop // self.query.step_ms), path)


@contextmanager
def held(top: Path) -> Iterator[None]:
    """Keep other processes from writing below `top`; the lock goes with the process, however it ends."""
    top.mkdir(parents=True, exist_ok=True)
    handle = os.open(top, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another process that pulls into %s", top)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _clearly(path: Path) -> Iterator[None]:
    """What was sound when it was looked through may still be gone by the time it is read."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise HostcastError(
            f"can't be read any more ({type(error).__name__})",
            file=path,
            remedy="check the disk, and remove the file to have it pulled again",
        ) from None


def _stamp(millis: int) -> str:
    moment = pd.Timestamp(millis, unit="ms")
    return f"{moment:%Y%m%dT%H%M%S}" + (f".{millis % 1000:03d}Z" if millis % 1000 else "Z")

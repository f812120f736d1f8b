"""Answers on disk: one Parquet file per query and span, whole or not there."""

from __future__ import annotations

import fcntl
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

from hostcast.files import atomic_path, write_json
from hostcast.telemetry.prometheus.answers import LABEL
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.spans import Span

__all__ = ["Damaged", "Store", "held"]

log = logging.getLogger(__name__)

_NAME = re.compile(r"(\d{8}T\d{6}(?:\.\d{3})?)Z_(\d{8}T\d{6}(?:\.\d{3})?)Z\.parquet")


class Damaged(Exception):
    """A file that can't be read as it was written.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


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

    def spans(self) -> list[Span]:
        """What is there, in order; spans may overlap."""
        found = (self._span(path) for path in self.folder.glob("*.parquet"))
        return sorted(span for span in found if span is not None)

    def write(self, span: Span, table: Any) -> None:
        """Keep an answer."""
        path = self.folder / self._name(span)
        if not (self.folder / "query.json").exists():
            write_json(self.folder / "query.json", asdict(self.query))
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    def read(self, span: Span, present: Sequence[Span]) -> Any:
        """The rows of a span out of those of `spans()`, which must cover it; sorted within each of them.

        Raises:
            Damaged: a file of it can't be read.
        """
        tables = []
        reached = span.first
        for own in present:
            if own.stop <= reached or own.first >= span.stop:
                continue
            table = self._rows(own)
            step = np.asarray(table.column("timestamp").cast(pa.int64())) // self.query.step_ms - 1
            stop = min(own.stop, span.stop)
            tables.append(table.filter(pa.array((step >= reached) & (step < stop))))
            reached = stop
        return pa.concat_tables(tables).unify_dictionaries()

    def forget(self, span: Span) -> None:
        """Remove every file that holds a step of the span."""
        for present in self.spans():
            if present.first < span.stop and present.stop > span.first:
                (self.folder / self._name(present)).unlink()

    def tidy(self) -> None:
        """Remove what a killed process left half written."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)

    def _rows(self, span: Span) -> Any:
        path = self.folder / self._name(span)
        try:
            table = pq.read_table(path, page_checksum_verification=True)
            table.validate(full=True)
        except (pa.ArrowException, OSError):
            raise Damaged(path) from None
        expected = ["server", "timestamp", "value", *(LABEL + label for label in self.query.static)]
        if table.column_names != expected or table.column("timestamp").type != pa.timestamp("ms", tz="UTC"):
            raise Damaged(path)
        return table

    def _name(self, span: Span) -> str:
        first, stop = (_stamp(step * self.query.step_ms) for step in (span.first, span.stop))
        return f"{first}_{stop}.parquet"

    def _span(self, path: Path) -> Span | None:
        found = _NAME.fullmatch(path.name)
        if found is None:
            return None
        first, stop = (pd.Timestamp(text).as_unit("ms").value // 10**6 for text in found.groups())
        return Span(first // self.query.step_ms, stop // self.query.step_ms)


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


def _stamp(millis: int) -> str:
    moment = pd.Timestamp(millis, unit="ms")
    return f"{moment:%Y%m%dT%H%M%S}" + (f".{millis % 1000:03d}Z" if millis % 1000 else "Z")

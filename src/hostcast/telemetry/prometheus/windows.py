"""What was pulled of some steps, read side by side a bounded number of rows at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hostcast.parts import digest_of
from hostcast.telemetry.formats import RawBlock
from hostcast.telemetry.formats.columns import Columns
from hostcast.telemetry.prometheus.answers import longest_overlap, several_series
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.rows import side_by_side
from hostcast.telemetry.prometheus.spans import Span, pieces
from hostcast.telemetry.prometheus.store import Kept, Store
from hostcast.telemetry.wanted import SERVER, TIMESTAMP, Wanted

__all__ = ["WINDOW_STEPS", "Window"]

# As many as a request asks for unless it is told otherwise: a file then is of one window. Not that of the
# params: the report must not depend on how things were asked for.
WINDOW_STEPS = 2016
# about; the values of several queries stand in a row
ROWS_READ = 1 << 19


@dataclass
class _Tally:
    """What was read of a query."""

    samples: int = 0
    servers: set[str] = field(default_factory=set)
    digest: Any = field(default_factory=hashlib.sha256)

    def note(self, columns: Mapping[str, Any], name: str, order: npt.NDArray[np.int64]) -> None:
        """Count and digest values, in `order`, which is that of time."""
        given = order[np.asarray(columns[name].is_valid())[order]]
        server = columns[SERVER]
        codes = np.asarray(server.indices)[given]
        texts = server.dictionary.to_pylist()
        # by itself, not by its place among others, which is another in another block
        marks = np.array(
            [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in texts], "S8"
        )
        rows = np.empty(len(given), [("time", "<i8"), ("server", "V8"), ("value", "<f8")])
        rows["time"] = np.asarray(columns[TIMESTAMP].cast(pa.int64()))[given]
        rows["server"] = marks.view("V8")[codes]
        rows["value"] = np.asarray(columns[name].fill_null(0))[given]
        self.digest.update(rows.tobytes())
        self.samples += len(given)
        self.servers.update(texts[code] for code in np.unique(codes).tolist())


@dataclass
class _Overlaps:
    """Steps in a row at which a server had more than one value of a query.

    An answer to few steps can't tell a series that goes on under other labels from two that stay.
    """

    query: Query
    runs: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, columns: Mapping[str, Any]) -> None:
        """Go on counting.

        Raises:
            HostcastError: it goes on for longer than one series after another explains.
        """
        server, step = columns[SERVER], np.asarray(columns[TIMESTAMP].cast(pa.int64()))
        step = step // (self.query.step_ms * 1000)
        code = np.asarray(server.indices)
        more = np.asarray(columns[self.query.name].is_valid())[1:]
        rows = 1 + np.flatnonzero(more & (code[1:] == code[:-1]) & (step[1:] == step[:-1]))
        for own, at in dict.fromkeys(zip(code[rows].tolist(), step[rows].tolist(), strict=True)):
            name = server.dictionary[own].as_py()
            last, length = self.runs.get(name, (at, 0))
            length = 1 + (length if last == at - 1 else 0)
            # one that lasted for a moment may stand between two
            if length > 2 * longest_overlap(self.query):
                raise several_series(self.query, name)
            self.runs[name] = (at, length)


@dataclass(frozen=True)
class Window:
    """Some steps, and the files that hold them.

    Attributes:
        span: the steps.
        files: for each query's store, its files, which cover the span.
    """

    span: Span
    files: tuple[tuple[Store, tuple[Kept, ...]], ...]

    @property
    def bytes(self) -> int:
        """About how many the rows take on disk."""
        return sum(
            int(kept.path.stat().st_size * self._overlap(kept) / kept.span.steps) for kept in self._all()
        )

    def digest(self, digests: Mapping[Path, str]) -> str:
        """Of all that decides which rows there are; `digests` are those of the files."""
        held = [
            [store.query.name, [[kept.span.first, kept.span.stop, digests[kept.path]] for kept in files]]
            for store, files in self.files
        ]
        return digest_of([self.span.first, self.span.stop, held])

    def read(self, wanted: Wanted) -> Iterator[RawBlock]:
        """The rows; each block tells samples, servers and digest of each query, up to there.

        The digest is of time, server and value of each sample, whichever blocks and files they lie in.

        Raises:
            HostcastError: a file can't be read, a label differs between two queries, or a query gives a
                server several series.
        """
        overlaps = [_Overlaps(store.query) for store, _ in self.files]
        tallies = {store.query.name: _Tally() for store, _ in self.files}
        chosen = {name: sources[0] for name, sources in wanted.sources.items()}
        for span in pieces(self.span, self._steps_read()):
            answers = {store.query: store.read(span, files) for store, files in self.files}
            if not any(len(table) for table in answers.values()):
                continue
            columns = side_by_side(answers, span)
            for overlap in overlaps:
                overlap.note(columns)
            order = np.argsort(np.asarray(columns[TIMESTAMP].cast(pa.int64())), kind="stable")
            for name, tally in tallies.items():
                tally.note(columns, name, order)
            told = {
                name: {
                    "samples": tally.samples,
                    "servers": sorted(tally.servers),
                    "sha256": tally.digest.hexdigest(),
                }
                for name, tally in tallies.items()
            }
            arrays = {ours: columns[theirs] for ours, theirs in chosen.items()}
            yield RawBlock(Columns(arrays, chosen, tuple(columns), told=told), 0)

    def _all(self) -> Iterator[Kept]:
        return (kept for _, files in self.files for kept in files)

    def _overlap(self, kept: Kept) -> int:
        return min(kept.span.stop, self.span.stop) - max(kept.span.first, self.span.first)

    def _steps_read(self) -> int:
        densest = max(
            (kept.rows() / kept.span.steps for kept in self._all()),
            default=0.0,
        )
        return max(1, min(self.span.steps, int(ROWS_READ / max(densest, 1.0))))

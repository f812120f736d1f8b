"""What each file holds: whose rows, of which times, and with which faults."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hostcast.telemetry.formats.columns import Columns
from hostcast.telemetry.formats.encoding import UTF_8
from hostcast.telemetry.observations import Observations
from hostcast.telemetry.renaming import Aliases
from hostcast.telemetry.runs import Sorted
from hostcast.telemetry.spans import Span, joined, spans_of

__all__ = ["ServerRows", "Survey"]

Ints = npt.NDArray[np.int64]


@dataclass
class ServerRows:
    """One server's rows.

    Attributes:
        first, last: time of the first and the last one in the order read, microseconds; None = no rows.
        out_of_order: rows with an earlier time than the row before.
        chunks: rows by stretch of time.
        spans: times of its rows, microseconds; those at most the allowed clock skew apart share a span.
    """

    first: int | None = None
    last: int | None = None
    out_of_order: int = 0
    chunks: dict[int, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    def add(self, other: ServerRows, skew: int) -> None:
        """Append rows that were read after these."""
        if other.first is not None:
            if self.last is not None and other.first < self.last:
                self.out_of_order += 1
            self.first = other.first if self.first is None else self.first
            self.last = other.last
        self.out_of_order += other.out_of_order
        for chunk, rows in other.chunks.items():
            self.chunks[chunk] = self.chunks.get(chunk, 0) + rows
        self.spans = joined([*self.spans, *other.spans], skew) if self.spans else other.spans


@dataclass
class Survey:
    """Sums over rows, in the order read.

    Attributes:
        servers: by name.
        read: rows.
        dropped: rows left out, by reason.
        too_late: rows after prepare.not_after, by server.
        missing: for each metric, how often each kind of missing value was read.
        commas: for each metric, how many numbers were written with a comma.
        notations: rows by how their time was written, see `Instants`.
        aliases: what renaming servers did.
        static: for each static column, the texts of each server.
        static_missing: for each static column, rows without a text.
        holds: wanted columns that are there.
        present: names of all columns of the first file.
        encoding: of a file of text, the last one that isn't UTF-8 if there is one.
        told: of a single input, what its source has to say on it.
    """

    servers: dict[str, ServerRows] = field(default_factory=dict)
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    too_late: Counter[str] = field(default_factory=Counter)
    missing: dict[str, Counter[str]] = field(default_factory=dict)
    commas: Counter[str] = field(default_factory=Counter)
    notations: Counter[str] = field(default_factory=Counter)
    aliases: Aliases = field(default_factory=Aliases)
    static: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    static_missing: Counter[str] = field(default_factory=Counter)
    holds: set[str] = field(default_factory=set)
    present: list[str] = field(default_factory=list)
    encoding: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Observations, by_server: Sorted, raw: Columns | None, skew: int) -> Self:
        """Survey one block, whose rows are there by server too, and which was read from `raw`."""
        bounds, micros = by_server.bounds, by_server.micros
        begin, end = bounds[:-1].tolist(), bounds[1:].tolist()
        later, chunks = _later(micros, bounds), _chunks(bounds, by_server.chunk)
        spans = _spans(micros, bounds, skew, in_order=not any(later))
        servers = {
            name: ServerRows(int(micros[low]), int(micros[high - 1]), behind, chunks[place], spans[place])
            if low < high
            else ServerRows()
            for place, (name, low, high, behind) in enumerate(zip(rows.names, begin, end, later, strict=True))
        }
        return cls(
            servers=servers,
            read=rows.read,
            dropped=+rows.dropped,
            too_late=rows.too_late,
            missing={name: +counts for name, counts in rows.missing.items()},
            commas=rows.commas,
            notations=rows.notations,
            aliases=rows.aliases,
            static={column: _texts(rows, column) for column in rows.static},
            static_missing=Counter(
                {column: int((codes < 0).sum()) for column, (_, codes) in rows.static.items()}
            ),
            holds=set(raw.chosen) if raw is not None else {*rows.missing, *rows.static},
            present=list(raw.present) if raw is not None else [],
            encoding=raw.encoding if raw is not None else None,
            told=raw.told if raw is not None else {},
        )

    @classmethod
    def merged(cls, surveys: Iterable[Self], skew: int) -> Self:
        """Of several blocks or files, in the order read; `skew` parts spans of time."""
        surveys = list(surveys)
        if len(surveys) == 1:
            return surveys[0]
        merged = cls()
        for survey in surveys:
            for name, rows in survey.servers.items():
                merged.servers.setdefault(name, ServerRows()).add(rows, skew)
            merged.read += survey.read
            merged.dropped += survey.dropped
            merged.too_late += survey.too_late
            merged.commas += survey.commas
            merged.notations += survey.notations
            merged.aliases.add(survey.aliases)
            merged.holds |= survey.holds
            merged.present = merged.present or survey.present
            merged.told = survey.told or merged.told
            if merged.encoding in (None, UTF_8):
                merged.encoding = survey.encoding or merged.encoding
            for name, counts in survey.missing.items():
                merged.missing[name] = merged.missing.get(name, Counter()) + counts
            for column, by_server in survey.static.items():
                own = merged.static.setdefault(column, {})
                for name, texts in by_server.items():
                    own[name] = own.get(name, set()) | texts
            merged.static_missing += survey.static_missing
        return merged

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "servers": {
                name: [rows.first, rows.last, rows.out_of_order, list(rows.chunks.items()), rows.spans]
                for name, rows in self.servers.items()
            },
            "read": self.read,
            "dropped": self.dropped,
            "too_late": self.too_late,
            "missing": self.missing,
            "commas": self.commas,
            "notations": self.notations,
            "aliases": self.aliases.to_dict(),
            "static": {
                column: {name: sorted(texts) for name, texts in by_server.items()}
                for column, by_server in self.static.items()
            },
            "static_missing": self.static_missing,
            "holds": sorted(self.holds),
            "present": self.present,
            "encoding": self.encoding,
            "told": self.told,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(
            servers={
                name: ServerRows(
                    first, last, out_of_order, dict(chunks), [(low, high) for low, high in spans]
                )
                for name, (first, last, out_of_order, chunks, spans) in content["servers"].items()
            },
            read=content["read"],
            dropped=Counter(content["dropped"]),
            too_late=Counter(content["too_late"]),
            commas=Counter(content["commas"]),
            notations=Counter(content["notations"]),
            aliases=Aliases.from_dict(content["aliases"]),
            missing={name: Counter(counts) for name, counts in content["missing"].items()},
            static={
                column: {name: set(texts) for name, texts in by_server.items()}
                for column, by_server in content["static"].items()
            },
            static_missing=Counter(content["static_missing"]),
            holds=set(content["holds"]),
            present=content["present"],
            encoding=content["encoding"],
            told=content["told"],
        )


def _later(micros: Ints, bounds: Ints) -> list[int]:
    """For each name, rows with an earlier time than the row before."""
    back = np.append(micros[1:] < micros[:-1], False)
    # from a name's last row to the next name's first
    back[bounds[1:][bounds[1:] > 0] - 1] = False
    total = np.concatenate([[0], np.cumsum(back)])
    later: list[int] = (total[bounds[1:]] - total[bounds[:-1]]).tolist()
    return later


def _spans(micros: Ints, bounds: Ints, skew: int, *, in_order: bool) -> list[list[Span]]:
    """For each name, the spans of its times."""
    if in_order and not (np.diff(micros) > skew).any():
        # one span each, which is nearly always so
        return [
            [(int(micros[low]), int(micros[high - 1]))] if low < high else []
            for low, high in itertools.pairwise(bounds.tolist())
        ]
    pieces = [micros[low:high] for low, high in itertools.pairwise(bounds.tolist())]
    return [spans_of(own if in_order else np.sort(own), skew) for own in pieces]


def _chunks(bounds: Ints, chunk: Ints | int) -> dict[int, dict[int, int]]:
    counts = np.diff(bounds)
    if isinstance(chunk, int):
        return {place: {chunk: rows} for place, rows in enumerate(counts.tolist()) if rows}
    owner = np.repeat(np.arange(len(counts)), counts)
    low = int(chunk.min())
    width = int(chunk.max()) - low + 1
    keys, rows = np.unique(owner * width + (chunk - low), return_counts=True)
    found: dict[int, dict[int, int]] = {}
    for key, count in zip(keys.tolist(), rows.tolist(), strict=True):
        found.setdefault(key // width, {})[key % width + low] = count
    return found


def _texts(rows: Observations, column: str) -> dict[str, set[str]]:
    texts, codes = rows.static[column]
    width = len(texts) + 1
    found: dict[str, set[str]] = {}
    for key in np.unique(rows.server * width + codes + 1).tolist():
        if key % width:
            found.setdefault(rows.names[key // width], set()).add(texts[key % width - 1])
    return found

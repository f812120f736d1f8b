"""What each file holds: whose rows, of which times, and with which faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hostcast.telemetry.observations import Observations
from hostcast.telemetry.runs import Sorted

__all__ = ["ServerRows", "Survey"]

Ints = npt.NDArray[np.int64]


@dataclass
class ServerRows:
    """One server's rows.

    Attributes:
        first, last: time of the first and the last one in the order read, microseconds; None = no rows.
        out_of_order: rows that came after a later row.
        chunks: rows by stretch of time.
    """

    first: int | None = None
    last: int | None = None
    out_of_order: int = 0
    chunks: dict[int, int] = field(default_factory=dict)

    def add(self, other: ServerRows) -> None:
        """Append rows that were read after these."""
        if other.first is not None:
            if self.last is not None and other.first < self.last:
                self.out_of_order += 1
            self.first = other.first if self.first is None else self.first
            self.last = other.last
        self.out_of_order += other.out_of_order
        for chunk, rows in other.chunks.items():
            self.chunks[chunk] = self.chunks.get(chunk, 0) + rows


@dataclass
class Survey:
    """Sums over rows, in the order read.

    Attributes:
        servers: by name.
        read: rows.
        dropped: rows left out, by reason.
        missing: for each metric, how often each kind of missing value was read.
        static: for each static column, the texts of each server.
        static_missing: for each static column, rows without a text.
    """

    servers: dict[str, ServerRows] = field(default_factory=dict)
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    missing: dict[str, Counter[str]] = field(default_factory=dict)
    static: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    static_missing: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, rows: Observations, by_server: Sorted) -> Self:
        """Survey one block, whose rows are there by server too."""
        bounds, micros = by_server.bounds, by_server.micros
        begin, end = bounds[:-1].tolist(), bounds[1:].tolist()
        later, chunks = _later(micros, bounds), _chunks(bounds, by_server.chunk)
        servers = {
            name: ServerRows(int(micros[low]), int(micros[high - 1]), behind, chunks[place])
            if low < high
            else ServerRows()
            for place, (name, low, high, behind) in enumerate(zip(rows.names, begin, end, later, strict=True))
        }
        return cls(
            servers=servers,
            read=rows.read,
            dropped=+rows.dropped,
            missing={name: +counts for name, counts in rows.missing.items()},
            static={column: _texts(rows, column) for column in rows.static},
            static_missing=Counter(
                {column: int((codes < 0).sum()) for column, (_, codes) in rows.static.items()}
            ),
        )

    @classmethod
    def merged(cls, surveys: Iterable[Survey]) -> Self:
        """Of several blocks or files, in the order read."""
        merged = cls()
        for survey in surveys:
            for name, rows in survey.servers.items():
                merged.servers.setdefault(name, ServerRows()).add(rows)
            merged.read += survey.read
            merged.dropped += survey.dropped
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
                name: [rows.first, rows.last, rows.out_of_order, list(rows.chunks.items())]
                for name, rows in self.servers.items()
            },
            "read": self.read,
            "dropped": self.dropped,
            "missing": self.missing,
            "static": {
                column: {name: sorted(texts) for name, texts in by_server.items()}
                for column, by_server in self.static.items()
            },
            "static_missing": self.static_missing,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(
            servers={
                name: ServerRows(first, last, out_of_order, dict(chunks))
                for name, (first, last, out_of_order, chunks) in content["servers"].items()
            },
            read=content["read"],
            dropped=Counter(content["dropped"]),
            missing={name: Counter(counts) for name, counts in content["missing"].items()},
            static={
                column: {name: set(texts) for name, texts in by_server.items()}
                for column, by_server in content["static"].items()
            },
            static_missing=Counter(content["static_missing"]),
        )


def _later(micros: Ints, bounds: Ints) -> list[int]:
    """For each name, rows that came after a later one."""
    back = np.append(micros[1:] < micros[:-1], False)
    # from a name's last row to the next name's first
    back[bounds[1:][bounds[1:] > 0] - 1] = False
    total = np.concatenate([[0], np.cumsum(back)])
    later: list[int] = (total[bounds[1:]] - total[bounds[:-1]]).tolist()
    return later


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

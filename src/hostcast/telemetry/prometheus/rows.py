"""The answers to all queries side by side: one row per server and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.telemetry.place import shown
from hostcast.telemetry.prometheus.answers import LABEL
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.spans import Span
from hostcast.telemetry.wanted import SERVER, TIMESTAMP

__all__ = ["side_by_side"]

Ints = npt.NDArray[np.int64]


def side_by_side(answers: Mapping[Query, Any], span: Span) -> dict[str, Any]:
    """Columns server, timestamp (a step's start), one per query, one per static label.

    What a query has no value for is null; NaN is a value that Prometheus gave. The second of two
    values of one server, step and query stands in a row of its own.

    Raises:
        HostcastError: a label differs between two queries.
    """
    first = next(iter(answers))
    servers = _texts(answers, SERVER)
    keys = {query: _keys(table, query, servers, span) for query, table in answers.items()}
    deepest = 1 + max(int(depth.max(initial=0)) for _, depth in keys.values())
    packed = {query: key * deepest + depth for query, (key, depth) in keys.items()}
    rows = np.unique(np.concatenate(list(packed.values())))
    server, step = np.divmod(rows // deepest, span.steps)
    columns: dict[str, Any] = {
        SERVER: _dictionary(server, servers),
        TIMESTAMP: pa.array((step + span.first) * first.step_ms * 1000, pa.timestamp("us", tz="UTC")),
    }
    labels = {label: _texts(answers, LABEL + label) for label in first.static}
    codes = {label: np.full(len(rows), -1, np.int64) for label in labels}
    for query, table in answers.items():
        place = np.searchsorted(rows, packed[query])
        values, absent = np.full(len(rows), np.nan), np.ones(len(rows), np.bool_)
        values[place] = np.asarray(table.column("value"))
        absent[place] = False
        columns[query.name] = pa.array(values, mask=absent, from_pandas=False)
        for label, texts in labels.items():
            own = np.full(len(rows), -1, np.int64)
            own[place] = _codes(table.column(LABEL + label), texts)
            known = codes[label]
            differs = (own >= 0) & (known >= 0) & (own != known)
            if differs.any():
                row = int(np.argmax(differs))
                raise HostcastError(
                    f"server {shown(servers[server[row]])} has the label {shown(texts[own[row]])} here, and "
                    f"{shown(texts[known[row]])} in another query; a static column has one value per server",
                    column=query.name,
                    remedy=f"take {label} out of prepare.static, or let only one query keep the label",
                )
            codes[label] = np.where(own >= 0, own, known)
    return columns | {label: _dictionary(codes[label], texts) for label, texts in labels.items()}


def _keys(table: Any, query: Query, servers: Sequence[str], span: Span) -> tuple[Ints, Ints]:
    """Server and step as one number that orders by both, and how many rows with it came before."""
    server = _codes(table.column("server"), servers)
    step = np.asarray(table.column("timestamp").cast(pa.int64())) // query.step_ms - 1
    key = server * span.steps + (step - span.first)
    # answers are sorted within a file only
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    new = np.ones(len(key), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    begins = np.flatnonzero(new)
    depth = np.empty(len(key), np.int64)
    depth[order] = np.arange(len(key)) - begins[np.cumsum(new) - 1] if len(key) else 0
    return key, depth


def _texts(answers: Mapping[Query, Any], column: str) -> list[str]:
    """All of a column's texts, by code point."""
    parts = (table.column(column).unique().dictionary_decode().to_pylist() for table in answers.values())
    return sorted({text for part in parts for text in part if text is not None})


def _codes(column: Any, texts: Sequence[str]) -> Ints:
    """Each row's position in `texts`, -1 = none."""
    place = {text: code for code, text in enumerate(texts)}
    parts = [np.empty(0, np.int64)]
    for chunk in column.chunks:
        # one place more for -1, the missing text; a dictionary may hold texts that no row has
        own = np.array([*(place.get(text, -1) for text in chunk.dictionary.to_pylist()), -1], np.int64)
        parts.append(own[np.asarray(chunk.indices.fill_null(-1))])
    return np.concatenate(parts)


def _dictionary(codes: Ints, texts: Sequence[str]) -> Any:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32), mask=codes < 0), pa.array(texts, pa.string())
    )

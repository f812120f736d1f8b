"""Prometheus's answer to a range query -> an Arrow table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.telemetry.place import shown
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.spans import Span

__all__ = ["LABEL", "NotUnderstood", "table_of"]

# prefix of the columns that hold labels
LABEL = "label."
# how long Prometheus takes a series that ended for one that goes on
_LOOKBACK_MS = 300_000


class NotUnderstood(Exception):
    """The answer is not what Prometheus says to a range query; the text tells what is wrong."""


def table_of(data: Any, query: Query, span: Span) -> Any:
    """One row per server and instant: server, timestamp (of the evaluation), value, labels; sorted.

    A series may end and another one of the same server begin; where they overlap for less than a
    lookback both values are kept, and cleaned like any conflict.

    Raises:
        NotUnderstood: the answer's form is wrong, or it tells of instants that were not asked for.
        HostcastError: the query does not give one series of numbers per server.
    """
    parts = []
    try:
        for series in data["result"]:
            labels: Mapping[str, str] = series["metric"]
            if "histograms" in series:
                raise _unfit(query, f"gives histograms, not numbers: {shown(dict(labels))}", "")
            server = labels.get(query.server_label, "")
            if not server.strip():
                raise _unfit(
                    query,
                    f"gives a series without the label {query.server_label!r}: {shown(dict(labels))}",
                    f"keep the label, e.g. sum by ({query.server_label}) (...), or name another one in "
                    "prepare.prometheus.server_label",
                )
            samples = series["values"]
            millis = np.rint(np.array([sample[0] for sample in samples], np.float64) * 1000).astype(np.int64)
            values = np.array([float(sample[1]) for sample in samples], np.float64)
            parts.append((server, tuple(sorted(labels.items())), millis, values))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise NotUnderstood(f"an answer of another form ({type(error).__name__})") from None
    parts.sort(key=lambda part: part[:2])
    _check_instants([millis for _, _, millis, _ in parts], query, span)
    _check_one_per_server(parts, query)
    return _table(parts, query)


def _check_instants(instants: Sequence[npt.NDArray[np.int64]], query: Query, span: Span) -> None:
    for millis in instants:
        # a step's value is taken at the step's end
        steps = millis // query.step_ms - 1
        if (
            (millis % query.step_ms).any()
            or (steps < span.first).any()
            or (steps >= span.stop).any()
            or (np.diff(steps) <= 0).any()
        ):
            raise NotUnderstood("values at other instants than were asked for")


def _check_one_per_server(parts: Sequence[tuple[str, Any, npt.NDArray[np.int64], Any]], query: Query) -> None:
    allowed = 1 + -(-_LOOKBACK_MS // query.step_ms)
    for (server, labels, millis, _), (other, others, later, _) in pairwise(parts):
        if server == other and len(np.intersect1d(millis, later, assume_unique=True)) > allowed:
            differing = sorted({name for name, _ in set(labels) ^ set(others)})
            raise _unfit(
                query,
                f"gives several series at once for server {shown(server)}; they differ in {differing}",
                f"choose one by its labels (prepare.prometheus.selector), or put them together, e.g. "
                f"max by ({query.server_label}) (...)",
            )


def _table(
    parts: Sequence[tuple[str, Any, npt.NDArray[np.int64], npt.NDArray[np.float64]]], query: Query
) -> Any:
    names = sorted({server for server, *_ in parts})
    position = {server: code for code, server in enumerate(names)}
    lengths = [len(millis) for _, _, millis, _ in parts]
    nothing: npt.NDArray[Any] = np.empty(0)
    codes = np.repeat(np.array([position[server] for server, *_ in parts], np.int32), lengths)
    millis = np.concatenate([nothing.astype(np.int64), *(part[2] for part in parts)])
    values = np.concatenate([nothing, *(part[3] for part in parts)])
    order = np.lexsort((millis, codes))
    columns = {
        "server": _coded(codes[order], names),
        "timestamp": pa.array(millis[order], pa.timestamp("ms", tz="UTC")),
        "value": pa.array(values[order]),
    }
    for label in query.static:
        texts = [dict(labels).get(label) for _, labels, _, _ in parts]
        known = sorted({text for text in texts if text})
        place = {text: code for code, text in enumerate(known)}
        own = np.repeat(np.array([place.get(text or "", -1) for text in texts], np.int32), lengths)
        columns[LABEL + label] = _coded(own[order], known)
    return pa.table(columns)


def _coded(codes: npt.NDArray[np.int32], texts: Sequence[str]) -> Any:
    """Texts by their positions, -1 = none."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(texts, pa.string()))


def _unfit(query: Query, problem: str, remedy: str) -> HostcastError:
    return HostcastError(
        f"the query {problem}",
        column=query.name,
        remedy=remedy or f"correct prepare.prometheus.queries.{query.name}",
    )

"""Prometheus's answer to a range query -> an Arrow table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.telemetry.place import shown
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.spans import Span

__all__ = ["LABEL", "NotUnderstood", "longest_overlap", "several_series", "table_of"]

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
    allowed = longest_overlap(query)
    for server, own in groupby((part for part in parts if len(part[2])), key=lambda part: part[0]):
        # in order of time; of those that have begun, the ones that may still go on
        going: list[tuple[Any, npt.NDArray[np.int64]]] = []
        for _, labels, millis, _ in sorted(own, key=lambda part: int(part[2][0])):
            going = [each for each in going if each[1][-1] >= millis[0]]
            for others, earlier in going:
                if len(np.intersect1d(earlier, millis, assume_unique=True)) > allowed:
                    differing = sorted({name for name, _ in set(labels) ^ set(others)})
                    raise several_series(query, server, f"; they differ in {differing}")
            going.append((labels, millis))


def longest_overlap(query: Query) -> int:
    """Steps for which a series that ended may still be there beside the one that goes on."""
    return 1 + -(-_LOOKBACK_MS // query.step_ms)


def several_series(query: Query, server: str, how: str = "") -> HostcastError:
    """The error of a query that gives a server more than one series."""
    return _unfit(
        query,
        f"gives several series at once for server {shown(server)}{how}",
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

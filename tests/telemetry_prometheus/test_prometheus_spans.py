"""Which steps lack, and how they are cut."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostcast.errors import HostcastError
from hostcast.telemetry.prometheus.access import access_from
from hostcast.telemetry.prometheus.answers import NotUnderstood, table_of
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.replies import Asked, TooMuch, Transient, data_of
from hostcast.telemetry.prometheus.rows import side_by_side
from hostcast.telemetry.prometheus.spans import Span, gaps, pieces, span_between
from hostcast.telemetry.prometheus.store import Store

SPANS = st.builds(lambda first, steps: Span(first, first + steps), st.integers(-50, 50), st.integers(1, 40))
QUERY = Query("load", "http://x", "load", 1000, "instance", ())


def steps_of(spans: list[Span]) -> list[int]:
    return [step for span in spans for step in range(span.first, span.stop)]


@given(SPANS, st.lists(SPANS, max_size=6))
def test_gaps_are_the_steps_that_no_other_span_holds_each_once(span: Span, present: list[Span]) -> None:
    assert steps_of(gaps(span, present)) == sorted(set(steps_of([span])) - set(steps_of(present)))


@given(SPANS, st.integers(1, 30))
def test_pieces_are_the_span_cut_at_multiples_of_their_length(span: Span, length: int) -> None:
    parts = pieces(span, length)
    assert steps_of(parts) == steps_of([span])
    assert all(part.stop % length == 0 for part in parts[:-1])
    assert all(part.steps <= length for part in parts)


def test_a_span_holds_whole_steps_only() -> None:
    assert span_between("1970-01-01T00:00:01Z", "1970-01-01T00:00:10Z", 2000) == Span(1, 5)
    assert span_between("1970-01-01T00:00:00.5Z", "1970-01-01T00:00:01.5Z", 500) == Span(1, 3)


def answer(span: Span, servers: list[str], values: list[float]) -> dict[str, object]:
    """What Prometheus says of some servers, with the given values in turn."""
    stamps = range(span.first + 1, span.stop + 1)
    result = [
        {
            "metric": {"instance": server},
            "values": [[stamp, repr(values[(stamp + at) % len(values)])] for stamp in stamps],
        }
        for at, server in enumerate(servers)
    ]
    return {"resultType": "matrix", "result": result}


@given(st.lists(SPANS, min_size=1, max_size=5), st.data())
def test_what_was_stored_in_whatever_spans_is_read_once_and_unchanged(
    tmp_path_factory: pytest.TempPathFactory, spans: list[Span], data: st.DataObject
) -> None:
    servers = data.draw(st.lists(st.text(min_size=1).filter(str.strip), unique=True, min_size=1, max_size=3))
    values = data.draw(st.lists(st.floats(), min_size=1, max_size=4))
    store = Store(tmp_path_factory.mktemp("store"), QUERY)
    for span in spans:
        store.write(span, table_of(answer(span, servers, values), QUERY, span))
    assert store.spans() == sorted(set(spans))
    whole = Span(min(span.first for span in spans), max(span.stop for span in spans))
    for gap in gaps(whole, spans):
        store.write(gap, table_of(answer(gap, servers, values), QUERY, gap))
    columns = side_by_side({QUERY: store.read(whole, store.files())}, whole)
    expected = side_by_side({QUERY: table_of(answer(whole, servers, values), QUERY, whole)}, whole)
    assert columns["server"].to_pylist() == expected["server"].to_pylist()
    assert columns["server"].to_pylist() == [server for server in sorted(servers) for _ in range(whole.steps)]
    assert columns["timestamp"].equals(expected["timestamp"])
    np.testing.assert_array_equal(np.asarray(columns["load"]), np.asarray(expected["load"]))


def test_two_series_of_a_server_at_once_are_seen_with_any_others_between_them() -> None:
    span = Span(0, 2000)

    def series(version: str, steps: range) -> dict[str, object]:
        values = [[step + 1, "1"] for step in steps]
        return {"metric": {"instance": "a", "version": version}, "values": values}

    one_after_another = [
        series("1", range(900)),
        series("2", range(800, 1900)),
        series("3", range(1800, 2000)),
    ]
    table_of({"result": one_after_another}, QUERY, span)
    with pytest.raises(
        HostcastError, match=r"several series at once for server 'a'; they differ in \['version'\]"
    ):
        table_of({"result": [*one_after_another, series("4", range(900))]}, QUERY, span)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["metric", "values", "status", "data", "result", "error", "errorType"]),
                inner,
            )
        ),
    ),
    st.sampled_from([200, 400, 422, 500, 503]),
)
def test_an_answer_of_any_form_is_understood_or_not_but_never_a_crash(content: object, status: int) -> None:
    asked = Asked("http://x", access_from({}), "load")
    try:
        data = data_of(status, json.dumps(content).encode(), None, asked)
        table_of(data, QUERY, Span(0, 5))
    except (NotUnderstood, Transient, TooMuch, HostcastError):
        pass

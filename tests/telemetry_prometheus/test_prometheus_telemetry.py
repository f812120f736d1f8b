"""What comes out of a real Prometheus over a history that is known to the minute."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hostcast.errors import HostcastError
from hostcast.telemetry import prepare
from node_history import GONE, RESET, SERVERS, START, STEPS, asked, busy, load, used

MIDDLE = np.arange(STEPS) * 5 + 2.5


@pytest.fixture(scope="module")
def prepared(url, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("prepared"))
        return prepare(asked(url, static=["role"]))


def server(prepared, number: int) -> pd.DataFrame:
    return prepared.telemetry[prepared.telemetry["server"] == SERVERS[number]].reset_index(drop=True)


def test_the_shipped_queries_give_the_four_targets_of_every_server(prepared) -> None:
    own = server(prepared, 0)
    assert list(own["timestamp"]) == list(pd.date_range(START, periods=STEPS, freq="5min", unit="us"))
    np.testing.assert_allclose(own["cpu_percent"], busy(0), rtol=1e-5)
    np.testing.assert_allclose(own["memory_percent"], used(0, MIDDLE), rtol=1e-3)
    np.testing.assert_allclose(own["disk_percent"], used(0, MIDDLE) / 2, rtol=1e-3)
    known = own["load_average"].notna()
    np.testing.assert_allclose(own["load_average"][known], load(0, MIDDLE)[known], rtol=1e-3)
    assert set(own["role"]) == {"front"} and set(server(prepared, 1)["role"]) == {"back"}


def test_a_counter_that_starts_anew_leaves_no_trace_in_its_rate(prepared) -> None:
    own = server(prepared, 1)["cpu_percent"]
    assert 0 < RESET // 5 < STEPS
    np.testing.assert_allclose(own, busy(1), rtol=1e-5)


def test_a_server_that_was_not_scraped_is_missing_at_once_and_until_it_is_back(prepared) -> None:
    own = server(prepared, 2)
    first, last = GONE.start // 5, GONE.stop // 5
    gone = own.iloc[first : last - 1]
    assert gone[["cpu_percent", "memory_percent", "disk_percent", "load_average"]].isna().all(axis=None)
    others = own.drop(index=range(first, last))
    assert others[["cpu_percent", "memory_percent", "disk_percent", "load_average"]].notna().all(axis=None)


def test_nan_is_missing_and_counted_and_so_is_what_has_no_value(prepared) -> None:
    assert server(prepared, 0)["load_average"].isna().sum() == 2
    columns = prepared.quality["columns"]
    assert columns["load_average"]["missing_as_read"] == {"nan": 2}
    # one scrape is back in the last step of the gap: enough for a mean, not for a rate
    assert columns["cpu_percent"]["missing_as_read"] == {"null": 1}
    rows = prepared.quality["rows"]
    assert rows["read"] == 3 * STEPS - (len(GONE) // 5 - 1) == rows["observations"]
    assert rows["missing_steps"] == len(GONE) // 5 - 1


def test_the_report_names_server_span_and_queries_and_counts_their_samples(prepared, url) -> None:
    assert prepared.quality["source"] == "prometheus"
    told = prepared.quality["prometheus"]
    assert told["url"] == url
    assert (told["start"], told["end"]) == ("2025-01-06T00:00:00+00:00", "2025-01-08T00:00:00+00:00")
    (cpu,) = [query for query in told["queries"] if query["name"] == "cpu_percent"]
    assert 'rate(node_cpu_seconds_total{mode="idle", }[300s])' in cpu["promql"]
    assert (cpu["samples"], cpu["servers"]) == (3 * STEPS - len(GONE) // 5, 3)


def test_any_promql_fills_any_column(url) -> None:
    params = asked(
        url,
        {
            "selector": 'role="front"',
            "queries": {
                "kernel": 'sum by ($server) (rate(node_cpu_seconds_total{mode="user",$selector}[$step]))',
                "boot": '100 - node_filesystem_avail_bytes{mountpoint="/boot",$selector} / 1e7',
            },
        },
        base__target_metrics=["cpu_percent"],
        covariates=["kernel", "boot"],
    )
    telemetry = prepare(params).telemetry
    assert set(telemetry["server"]) == {SERVERS[0], SERVERS[2]}
    np.testing.assert_allclose(telemetry["kernel"].dropna(), 7 / 60, rtol=1e-5)
    assert set(telemetry["boot"].dropna()) == {np.float32(99.9)}


def test_a_servers_label_may_be_another_one(url) -> None:
    query = "max by ($server) (node_load1)"
    params = asked(url, {"server_label": "role", "queries": {"peak": query}}, base__target_metrics=["peak"])
    assert set(prepare(params).telemetry["server"]) == {"front", "back"}


def test_a_series_that_goes_on_under_other_labels_stays_one_server(url) -> None:
    def release(name: str, when: str) -> str:
        moment = int((START + pd.Timedelta(hours=30)).timestamp())
        then = f"and on () (vector(time()) {when} {moment})"
        return f'(label_replace(node_load1, "release", "{name}", "", "") {then})'

    params = asked(
        url,
        {"queries": {"load_average": f"{release('one', '<=')} or {release('two', '>=')}"}},
        base__target_metrics=["load_average"],
    )
    prepared = prepare(params)
    assert len(prepared.quality["servers"]) == 3
    assert prepared.quality["rows"]["merged"] == {"exact_duplicates": 3}


@pytest.mark.parametrize("chunk_steps", [1, 2, 100])
def test_two_series_that_stay_are_not_one_server_however_little_is_asked_for_at_once(
    chunk_steps, url
) -> None:
    params = asked(
        url,
        {"queries": {"load_average": "node_filesystem_avail_bytes"}, "end": "2025-01-06T01:00"},
        base__target_metrics=["load_average"],
        runtime__prometheus={**asked(url).runtime.prometheus.model_dump(), "chunk_steps": chunk_steps},
    )
    error = refused(params)
    assert error.column == "load_average"
    assert f"several series at once for server '{SERVERS[0]}'" in error.problem


def refused(params) -> HostcastError:
    with pytest.raises(HostcastError) as caught:
        prepare(params)
    return caught.value


@pytest.mark.parametrize(
    ("promql", "said"),
    [
        pytest.param("sum by (instance (node_load1)", "parse error", id="broken"),
        pytest.param("node_cpu_seconds_total / on (job) node_load1", "many-to-many", id="unanswerable"),
        pytest.param("sum(node_load1)", "without the label 'instance'", id="no server"),
        pytest.param("node_filesystem_size_bytes", r"differ in ['mountpoint']", id="several series"),
        pytest.param("node_load1{instance='nobody'}", "no value", id="nothing"),
        pytest.param("rate(node_load1[30s])", "no value", id="too few scrapes"),
        pytest.param("'text'", "invalid expression type", id="text"),
    ],
)
def test_a_query_of_no_use_is_an_error_that_names_its_column_and_what_to_change(promql, said, url) -> None:
    error = refused(asked(url, {"queries": {"load_average": promql}}))
    assert error.column == "load_average"
    assert said in error.problem
    assert "prepare.prometheus" in error.remedy


def test_what_gave_nothing_is_asked_for_again_the_next_time(url, tmp_path) -> None:
    params = asked(url, {"queries": {"load_average": "node_load1{instance='nobody'}"}})
    refused(params)
    folders = {
        path.name.split("-")[0]: path for path in (tmp_path / "project").glob("data/pulled/prometheus/*")
    }
    assert not list(folders["load_average"].glob("*.parquet"))
    assert list(folders["cpu_percent"].glob("*.parquet"))


def test_columns_without_a_query_and_queries_without_a_column_are_errors(url) -> None:
    error = refused(asked(url, base__target_metrics=["cpu_percent", "requests"]))
    assert "no query for ['requests']" in error.problem and "prepare.prometheus.queries" in error.remedy
    error = refused(asked(url, {"queries": {"requests": "up"}}))
    assert "names ['requests']" in error.problem


def test_an_end_ahead_of_the_servers_clock_is_an_error(url) -> None:
    error = refused(asked(url, {"end": "2199-01-01"}))
    assert "2199-01-01 00:00 UTC lies ahead of Prometheus's clock" in error.problem


@pytest.mark.parametrize(
    ("freq", "end", "said"),
    [("1us", "2025-01-08", "no whole number of milliseconds"), ("1D", "2025-01-06T01:00", "no whole step")],
)
def test_a_step_that_does_not_fit_is_an_error(freq, end, said, url) -> None:
    assert said in refused(asked(url, {"end": end}, base__freq=freq)).problem


def test_a_static_label_that_differs_between_queries_is_an_error(url) -> None:
    params = asked(
        url, {"queries": {"load_average": 'label_replace(node_load1, "role", "x", "", "")'}}, static=["role"]
    )
    assert "has the label" in refused(params).problem

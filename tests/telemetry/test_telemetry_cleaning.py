"""Faults that are mended: each is counted, and every row is accounted for."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_data import made_fleet, made_params

from hostcast.errors import HostcastError
from hostcast.telemetry import prepare


def accounted(quality) -> int:
    rows = quality["rows"]
    return rows["observations"] + sum(rows["merged"].values()) + sum(rows["dropped"].values())


def test_clean_telemetry_passes_unchanged(fleet, prepared):
    got = prepared(fleet)
    pd.testing.assert_frame_equal(
        got.telemetry, fleet.astype(dict.fromkeys(fleet.columns[2:], "float32")), check_dtype=True
    )
    assert got.quality["treatments"] == []
    assert got.noise_floor is None


def test_rows_out_of_order_are_sorted_and_counted(fleet, prepared):
    got = prepared(fleet.iloc[[0, 2, 1, 3, 4, 5, 11, 10, 9, 8, 7, 6]])
    pd.testing.assert_frame_equal(got.telemetry, prepared(fleet).telemetry)
    (entry,) = got.quality["treatments"]
    assert entry["count"] == 6 and "sorted" in entry["treatment"]


def test_exact_duplicates_are_merged(fleet, prepared):
    fleet.loc[2, "cpu_percent"] = np.nan
    got = prepared(pd.concat([fleet, fleet.iloc[:4], fleet.iloc[:4]]))
    pd.testing.assert_frame_equal(got.telemetry, prepared(fleet).telemetry)
    assert got.quality["rows"]["merged"] == {"exact_duplicates": 8}


def test_conflicting_duplicates_become_the_mean_of_the_valid_values(fleet, prepared):
    first = fleet.iloc[[0]]
    more = [
        first.assign(cpu_percent=90.0, memory_percent=np.nan),
        first.assign(cpu_percent=30.0, memory_percent=20.0),
    ]
    got = prepared(
        pd.concat([fleet.assign(cpu_percent=60.0 + fleet.index, memory_percent=10.0 + fleet.index), *more])
    )
    assert got.telemetry["cpu_percent"].iloc[0] == 60
    assert got.telemetry["memory_percent"].iloc[0] == 15
    assert got.quality["rows"]["merged"] == {"conflicting_duplicates": 2}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_duplicates_are_told_from_conflicts_in_any_order(order, fleet, prepared):
    same = fleet.iloc[[0, 0, 0]].assign(cpu_percent=[0.0, 8.0, -0.0])
    got = prepared(pd.concat([same.iloc[list(order)], fleet.iloc[1:]]))
    assert got.telemetry["cpu_percent"].iloc[0] == 4
    assert got.quality["rows"]["merged"] == {"conflicting_duplicates": 1, "exact_duplicates": 1}


def test_a_step_holds_nothing_observed_after_it_ended(prepared, fleet_of):
    fine = fleet_of(1, 20, "1min")
    got = prepared(fine).telemetry
    assert list(got["timestamp"].dt.minute) == [0, 5, 10, 15]
    np.testing.assert_array_equal(
        got["cpu_percent"], fine["cpu_percent"].to_numpy().reshape(4, 5).mean(axis=1).astype("f4")
    )
    later = fine.copy()
    later.loc[10:, "cpu_percent"] = 0.0
    changed = prepared(later).telemetry
    np.testing.assert_array_equal(changed["cpu_percent"][:2], got["cpu_percent"][:2])


def test_infinite_and_implausible_values_become_missing(fleet, prepared):
    fleet.loc[1, "cpu_percent"] = np.inf
    fleet.loc[2, "cpu_percent"] = -0.01
    fleet.loc[3, "cpu_percent"] = 100.5
    fleet.loc[4, "load_average"] = 1e300
    fleet.loc[5, "load_average"] = 5000.0
    fleet.loc[5, "cpu_percent"] = 100.0
    fleet.loc[0, "cpu_percent"] = 0.0
    got = prepared(fleet)
    assert list(np.flatnonzero(got.telemetry["cpu_percent"].isna())) == [1, 2, 3]
    assert list(np.flatnonzero(got.telemetry["load_average"].isna())) == [4]
    column = got.quality["columns"]["cpu_percent"]
    assert (column["infinite"], column["out_of_range"], column["missing"]) == (1, 2, 3)
    assert got.quality["columns"]["load_average"]["infinite"] == 1


def test_words_for_missing_are_counted_by_kind(fleet, params_for, tmp_path):
    text = fleet.astype({"cpu_percent": object})
    for row, word in enumerate(["", "NaN", "N/A", "null", "-inf", " 7.5 ", "+3", "1e1"]):
        text.loc[row, "cpu_percent"] = word
    text.to_csv(tmp_path / "t.csv", index=False)
    got = prepare(params_for(tmp_path / "t.csv"))
    column = got.quality["columns"]["cpu_percent"]
    assert column["missing_as_read"] == {"empty": 1, "n/a": 1, "nan": 1, "null": 1}
    assert column["infinite"] == 1
    assert list(got.telemetry["cpu_percent"][5:8]) == [7.5, 3, 10]


def test_a_gap_stays_missing_between_the_first_and_the_last_observation(fleet_of, prepared):
    frame = fleet_of(2, 30)
    got = prepared(frame.drop(index=range(5, 15)))
    server = got.telemetry[got.telemetry["server"] == "web-0"]
    assert len(server) == 30
    assert list(np.flatnonzero(server["cpu_percent"].isna())) == list(range(5, 15))
    assert [entry["longest_gap"] for entry in got.quality["servers"]] == [10, 0]
    assert got.quality["rows"]["missing_steps"] == 10


def test_servers_that_follow_each_other_have_no_gap(fleet_of, prepared):
    frame = fleet_of(2, 30)
    got = prepared(frame.iloc[[*range(10), *range(50, 60)]])
    assert [entry["longest_gap"] for entry in got.quality["servers"]] == [0, 0]
    assert [entry["steps"] for entry in got.quality["servers"]] == [10, 10]


def test_rows_without_one_valid_value_do_not_stretch_the_grid(fleet_of, prepared):
    frame = fleet_of(1, 30)
    frame.loc[[0, 1, 10, 29], frame.columns[2:]] = np.nan
    got = prepared(frame)
    assert len(got.telemetry) == 27
    assert got.quality["rows"]["dropped"] == {"without_valid_value": 4}
    assert got.quality["rows"]["missing_steps"] == 1


def test_a_short_server_is_left_out_by_name(fleet_of, prepared):
    frame = fleet_of(3, 20).drop(index=range(25, 40))
    got = prepared(frame, min_rows=10)
    assert set(got.telemetry["server"]) == {"web-0", "web-2"}
    (gone,) = got.quality["left_out"]
    assert (gone["name"], gone["observed"]) == ("web-1", 5)
    assert got.quality["rows"]["dropped"] == {"server_left_out": 5}
    with pytest.raises(HostcastError, match="no server is left"):
        prepared(frame, min_rows=21)


def test_a_server_without_a_usable_value_fails_or_is_dropped(fleet, prepared):
    fleet.loc[fleet["server"] == "web-1", fleet.columns[2:]] = np.nan
    with pytest.raises(HostcastError, match=r"web-1.*\n.*on_empty_server: drop"):
        prepared(fleet)
    got = prepared(fleet, on_empty_server="drop")
    assert set(got.telemetry["server"]) == {"web-0"}
    assert got.quality["left_out"][0]["name"] == "web-1"
    with pytest.raises(HostcastError, match="no target has a usable value on any server"):
        prepared(fleet.assign(cpu_percent=-1.0)[lambda frame: frame["server"] == "web-1"])


def test_a_server_with_a_constant_or_missing_target_is_kept_and_reported(fleet, prepared):
    fleet.loc[:5, "disk_percent"] = 40.0
    fleet.loc[6:, "load_average"] = np.nan
    got = prepared(fleet)
    assert [entry["constant"] for entry in got.quality["servers"]] == [["disk_percent"], []]
    assert [entry["wholly_missing"] for entry in got.quality["servers"]] == [[], ["load_average"]]
    assert got.quality["servers"][1]["missing"]["load_average"] == 1


def test_a_server_coarser_than_the_grid_is_kept_and_reported(fleet_of, prepared):
    frame = fleet_of(3, 40)
    got = prepared(frame[(frame["server"] != "web-1") | (frame.index % 4 == 0)])
    assert [entry["server"] for entry in got.quality["treatments"] if "every 4 steps" in entry["issue"]] == [
        "web-1"
    ]


def test_a_static_value_missing_in_some_rows_is_taken_from_the_others(fleet, prepared):
    fleet["role"] = ["web", None, None, "web", "web", ""] + ["db"] * 6
    got = prepared(fleet, static=["role"])
    assert list(got.telemetry["role"]) == ["web"] * 6 + ["db"] * 6
    assert got.quality["columns"]["role"]["missing_as_read"] == 3


def test_one_line_is_logged(fleet, prepared, caplog):
    with caplog.at_level(logging.INFO, logger="hostcast.telemetry"):
        prepared(fleet)
    (record,) = caplog.records
    assert "2 servers and 12 steps" in record.getMessage()


def test_simulated_telemetry_passes_the_same_checks(params_for):
    fleet = {"servers": 2, "days": 2, "start": "2025-01-06", "gap_rate": 0.01}
    got = prepare(params_for("unused", source="simulate", simulate=fleet))
    assert got.quality["source"] == "simulate" and got.noise_floor is not None
    assert got.telemetry["server"].nunique() == 2
    assert accounted(got.quality) == got.quality["rows"]["read"]
    with pytest.raises(HostcastError, match="column gpu_percent"):
        prepare(params_for("unused", source="simulate", simulate=fleet, covariates=["gpu_percent"]))


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "ß"]),
            st.integers(0, 3600),
            st.sampled_from([1.0, 2.5, 99.9, 101.0, np.nan, np.inf]),
            st.sampled_from([0.0, -0.0, 0.1, np.nan]),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_every_row_is_accounted_for_and_the_grid_is_regular(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "t.parquet"
    start = pd.Timestamp("2025-01-06", tz="UTC")
    drawn = pd.DataFrame(rows, columns=["server", "timestamp", "cpu_percent", "load_average"])
    drawn["timestamp"] = start + pd.to_timedelta(drawn["timestamp"], unit="s")
    # a complete fleet beside the drawn rows keeps the data as a whole usable
    frame = pd.concat([made_fleet(2, 60), drawn], ignore_index=True)
    frame.to_parquet(path)
    got = prepare(made_params(path, on_empty_server="drop", min_rows=3))

    assert accounted(got.quality) == got.quality["rows"]["read"] == len(frame)
    assert got.quality["rows"]["grid_steps"] == len(got.telemetry)
    json.dumps(got.quality, allow_nan=False)
    order = got.telemetry.sort_values(["server", "timestamp"], kind="stable")
    assert order.index.equals(got.telemetry.index)
    for name, server in got.telemetry.groupby("server"):
        assert (server["timestamp"].diff().dropna() == pd.Timedelta("5min")).all()
        metrics = server.drop(columns=["server", "timestamp"])
        assert metrics.iloc[[0, -1]].notna().any(axis=1).all()
        own = frame[frame["server"] == name].replace(np.inf, np.nan)
        own = own[own["cpu_percent"].isna() | (own["cpu_percent"] <= 100)]
        steps = own.dropna(subset=["cpu_percent"])["timestamp"].dt.floor("5min").nunique()
        assert int(server["cpu_percent"].notna().sum()) == steps


def test_a_value_too_large_to_be_squared_counts_as_missing(fleet, params_for, tmp_path):
    fleet["load_average"] = fleet["load_average"].astype("float64")
    fleet.loc[1, "load_average"], fleet.loc[2, "load_average"] = 1e37, 1e18
    fleet.to_parquet(tmp_path / "t.parquet")
    prepared = prepare(params_for(tmp_path / "t.parquet"))
    assert prepared.quality["columns"]["load_average"]["infinite"] == 1
    assert prepared.telemetry["load_average"].isna().tolist() == [False, True, *[False] * 10]
    assert any("beyond 1e+18" in entry["issue"] for entry in prepared.quality["treatments"])

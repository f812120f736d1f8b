"""Numbers that are not what they seem: sentinels, other units, counters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_telemetry_dirty_files import faults

from hostcast.errors import HostcastError
from hostcast.parts import CHUNK_STEPS
from hostcast.telemetry import prepare
from hostcast.telemetry.counters import rates


@pytest.fixture
def prepared(params_for, tmp_path):
    def run(frame: pd.DataFrame, **params):
        frame.to_parquet(tmp_path / "t.parquet")
        return prepare(params_for(tmp_path / "t.parquet", **params))

    return run


def test_sentinels_are_missing_and_counted(fleet, prepared):
    fleet.loc[:3, "load_average"] = [-1.0, 9999.0, -1.0, 77.0]
    fleet["cpu_percent"] = np.arange(12) + 1
    fleet.loc[5, "cpu_percent"] = -1
    got = prepared(fleet)
    assert list(np.flatnonzero(got.telemetry["load_average"].isna())) == [0, 1, 2]
    assert got.quality["columns"]["load_average"]["missing_as_read"] == {"sentinel": 3}
    assert faults(got) == {"sentinel": 4}
    got = prepared(fleet, sentinels=[77.0])
    assert got.quality["columns"]["load_average"]["missing_as_read"] == {"sentinel": 1}
    assert faults(got) == {"sentinel": 1, "below_range": 3}


@pytest.mark.parametrize("word", ["-", "--", "#DIV/0!", "nil", "undefined"])
def test_more_words_for_missing(word, fleet, params_for, tmp_path):
    fleet.astype({"cpu_percent": object}).assign(cpu_percent=[word, *range(11)]).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert faults(prepare(params_for(tmp_path / "t.csv"))) == {"missing_value": 1}


def test_values_above_and_below_the_range_are_told_apart(fleet, prepared):
    fleet.loc[:4, "cpu_percent"] = [-5.0, 800.0, 100.5, 100.0, 0.0]
    got = prepared(fleet)
    assert faults(got) == {"below_range": 1, "above_range": 2}
    assert got.telemetry["cpu_percent"].isna().sum() == 3
    column = prepared(fleet, ranges={"cpu_percent": [0, None]}).quality["columns"]["cpu_percent"]
    assert (column["max"], column["out_of_range"]) == (800, 1)


def test_fractions_and_bytes_become_percent(fleet, prepared):
    expected = prepared(fleet).telemetry
    total = np.where(fleet["server"] == "web-0", 2.0**33, 2.0**35)
    other = fleet.assign(
        cpu_percent=fleet["cpu_percent"] / 100,
        memory_percent=(fleet["memory_percent"] / 100 * total).astype("int64"),
        ram=total,
    )
    units = {"cpu_percent": "fraction", "memory_percent": {"bytes_of": "ram"}}
    got = prepared(other, units=units)
    np.testing.assert_allclose(got.telemetry["cpu_percent"], expected["cpu_percent"], rtol=1e-6)
    np.testing.assert_allclose(got.telemetry["memory_percent"], expected["memory_percent"], rtol=1e-6)
    other.loc[:2, "ram"] = [0.0, np.nan, -4.0]
    got = prepared(other, units=units)
    assert got.telemetry["memory_percent"].isna().sum() == 3 and faults(got) == {"no_total": 3}
    with pytest.raises(HostcastError, match=r"column ram: there is no such column"):
        prepared(other.drop(columns="ram"), units=units)


def test_a_counter_becomes_a_rate_and_restarts_from_zero(fleet_of, prepared):
    frame = fleet_of(2, 6)
    # beyond what float32 can count
    frame["net"] = [1e12 + 300 * step for step in range(6)] + [2e12, 2e12 + 600, 150, 750, np.nan, 1350]
    got = prepared(frame, covariates=["net"], counters=["net"])
    np.testing.assert_allclose(
        got.telemetry["net"], [np.nan, 1, 1, 1, 1, 1, np.nan, 2, 0.5, 2, np.nan, 1], rtol=1e-6
    )
    assert got.quality["columns"]["net"]["counter"] == {"counter_starts": 2, "counter_resets": 1}
    assert faults(got) == {"counter_starts": 2, "counter_resets": 1, "missing_value": 1, "constant": 1}


def test_odd_readings_of_a_counter_are_counted(fleet_of, prepared):
    frame = fleet_of(1, 5).assign(net=[100.0, -1e9, 700.0, np.inf, 1300.0])
    twice = frame.iloc[[2, 2]].assign(net=[500.0, 900.0])
    got = prepared(pd.concat([frame, twice]), covariates=["net"], counters=["net"])
    np.testing.assert_allclose(got.telemetry["net"], [np.nan, np.nan, 1, np.nan, 1])
    assert got.quality["columns"]["net"]["counter"] == {
        "counter_starts": 1, "counter_invalid": 2, "counter_conflicts": 2,
    }  # fmt: skip


def test_a_rate_of_busy_seconds_is_a_fraction_and_so_a_percentage(fleet_of, prepared):
    frame = fleet_of(1, 5).assign(cpu_percent=[0.0, 30.0, 180.0, 480.0, 555.0])
    got = prepared(frame, counters=["cpu_percent"], units={"cpu_percent": "fraction"})
    np.testing.assert_allclose(got.telemetry["cpu_percent"], [np.nan, 10, 50, 100, 25], rtol=1e-6)


def test_rates_go_on_from_one_stretch_of_time_to_the_next(fleet_of, prepared):
    frame = fleet_of(1, CHUNK_STEPS + 50)
    frame["net"] = np.arange(len(frame)) * 300.0
    got = prepared(frame, covariates=["net"], counters=["net"])
    assert got.telemetry["net"].isna().sum() == 1
    assert (got.telemetry["net"].iloc[1:] == 1).all()
    shuffled = prepared(frame.sample(frac=1, random_state=1), covariates=["net"], counters=["net"])
    pd.testing.assert_frame_equal(shuffled.telemetry, got.telemetry)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 9), st.sampled_from([0.0, 1.0, 5.0, 7.0, -2.0, np.nan, np.inf])
        ),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_rates_equal_those_worked_out_one_by_one_in_any_order(rows, random):
    random.shuffle(rows)
    server, second, reading = (np.array(column) for column in zip(*rows, strict=True))
    got = rates(server, second * 10**6, reading.astype(float))
    for place in range(len(rows)):
        own = (server == server[place]) & (reading >= 0) & np.isfinite(reading)
        means = {t: np.unique(reading[own & (second == t)]).mean() for t in sorted(set(second[own].tolist()))}
        before = [t for t in means if t < second[place]]
        if not own[place] or not before:
            assert np.isnan(got.values[place])
            continue
        now, then = means[int(second[place])], means[before[-1]]
        assert got.values[place] == pytest.approx(
            (now - then if now >= then else now) / (second[place] - before[-1])
        )
    counted = got.counted(slice(None))
    assert counted["counter_invalid"] == (reading == -2).sum() + np.isinf(reading).sum()


def test_a_counter_that_nobody_listed_is_pointed_out(fleet_of, prepared):
    frame = fleet_of(2, 100)
    frame["net"] = np.concatenate([np.cumsum(np.arange(100.0)), np.random.default_rng(1).random(100)])
    frame["disk_percent"] = np.tile(np.linspace(10, 90, 100), 2)
    got = prepared(frame, covariates=["net"])
    odd = [entry for entry in got.quality["treatments"] if entry["fault"].startswith("suspicious")]
    assert [(entry["fault"], entry["server"], entry["column"]) for entry in odd] == [
        ("suspicious_counter", "web-0", "net")
    ]
    listed = prepared(frame, covariates=["net"], counters=["net"])
    assert "suspicious_counter" not in faults(listed)


def test_units_that_look_wrong_are_pointed_out(fleet_of, prepared):
    frame = fleet_of(2, 60)
    first = frame["server"] == "web-0"
    frame.loc[first, "cpu_percent"] /= 101
    frame.loc[first, "memory_percent"] = frame.loc[first, "memory_percent"] * 1e8 + 1e4
    got = prepared(frame)
    odd = [
        (entry["fault"], entry["server"], entry["column"])
        for entry in got.quality["treatments"]
        if entry["fault"].startswith("suspicious")
    ]
    assert sorted(odd) == [
        ("suspicious_fraction", "web-0", "cpu_percent"),
        ("suspicious_no_percent", "web-0", "memory_percent"),
    ]


def test_mixed_units_and_zones_of_time_are_counted(fleet, params_for, tmp_path):
    expected = fleet["timestamp"].copy()
    seconds = [int(stamp.timestamp()) for stamp in expected]
    fleet["timestamp"] = [
        str(second * 10 ** (3 * (place % 4))) if place < 8 else stamp.strftime("%Y-%m-%d %H:%M:%S")
        for place, (second, stamp) in enumerate(zip(seconds, expected, strict=True))
    ]
    fleet.to_csv(tmp_path / "t.csv", index=False)
    got = prepare(params_for(tmp_path / "t.csv"))
    np.testing.assert_array_equal(got.telemetry["timestamp"], expected)
    assert got.quality["timestamps"] == {"ms": 2, "no zone": 4, "ns": 2, "s": 2, "us": 2}
    assert faults(got) == {"mixed_epoch_units": 8, "mixed_zones": 4}


def test_jitter_is_put_on_the_grid_and_counted(fleet, prepared):
    expected = prepared(fleet).telemetry
    jittered = fleet.assign(timestamp=fleet["timestamp"] + pd.to_timedelta(np.arange(12) * 20, unit="s"))
    got = prepared(jittered)
    pd.testing.assert_frame_equal(got.telemetry, expected)
    assert faults(got) == {"off_step": 11}

"""Servers with wrong clocks, several names, short lives and hostile names."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_telemetry_dirty_files import faults

from hostcast.errors import HostcastError
from hostcast.telemetry import prepare
from hostcast.telemetry.clock import cutoffs
from hostcast.telemetry.spans import joined, shared, spans_of


def rows_close(quality) -> bool:
    rows = quality["rows"]
    return rows["read"] == sum(
        (rows["observations"], sum(rows["merged"].values()), sum(rows["dropped"].values()))
    )


def test_rows_after_a_stated_date_are_dropped(fleet_of, prepared):
    frame = fleet_of(2, 30)
    frame.loc[frame["server"] == "web-1", "timestamp"] += pd.Timedelta("20min")
    got = prepared(frame, not_after="2025-01-06T01:00:00Z")
    assert got.telemetry["timestamp"].max() == pd.Timestamp("2025-01-06T01:00Z")
    assert got.quality["rows"]["dropped"] == {"after_not_after": 38} and rows_close(got.quality)
    # a server of which nothing is left is no reason to fail
    got = prepared(frame, not_after="2025-01-06T00:10:00Z")
    assert got.quality["left_out"] == [
        {"name": "web-1", "reason": "all its rows lie after prepare.not_after", "observed": 0}
    ]
    with pytest.raises(HostcastError) as refused:
        prepared(frame, not_after="2024-01-06T00:10:00Z")
    assert "no row is left; server 'web-0': all its rows lie after prepare.not_after" in str(refused.value)
    assert "correct prepare.not_after" in refused.value.remedy


def test_a_clock_that_ran_ahead_is_not_believed(fleet_of, prepared):
    frame = fleet_of(5, 50)
    wrong = (frame["server"] == "web-3") & (frame["timestamp"] >= pd.Timestamp("2025-01-06T03:00Z"))
    frame.loc[wrong, "timestamp"] += pd.Timedelta("900D")
    got = prepared(frame)
    assert got.quality["rows"]["dropped"] == {"clock_skew": 14} and rows_close(got.quality)
    server = got.telemetry[got.telemetry["server"] == "web-3"]
    assert len(server) == 36 and server["timestamp"].max() == pd.Timestamp("2025-01-06T02:55Z")
    with pytest.raises(HostcastError, match=r"web-3.*spread over"):
        prepared(frame, max_clock_skew=None)


def test_a_server_that_lives_in_the_future_is_left_out(fleet_of, prepared):
    frame = fleet_of(4, 30)
    frame.loc[frame["server"] == "web-2", "timestamp"] += pd.Timedelta("30D")
    got = prepared(frame)
    (gone,) = got.quality["left_out"]
    assert gone["name"] == "web-2" and "clock" in gone["reason"]
    assert got.quality["rows"]["dropped"] == {"clock_skew": 30} and rows_close(got.quality)
    assert set(prepared(frame, max_clock_skew="40D").telemetry["server"]) == {f"web-{n}" for n in range(4)}


def test_a_server_that_outlives_the_others_is_believed(fleet_of, prepared):
    frame = fleet_of(4, 24 * 20, "1h")
    frame = frame[(frame["server"] == "web-0") | (frame["timestamp"] < pd.Timestamp("2025-01-10", tz="UTC"))]
    got = prepared(frame, base={"freq": "1h"})
    assert "clock_skew" not in faults(got)
    assert faults(got)["gone_early"] == 3
    assert got.telemetry["timestamp"].max() == frame["timestamp"].max()


DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ({"a": [(0, 9)], "b": [(0, 900)]}, {}),
        ({"a": [(0, 9)], "b": [(0, 9)], "c": [(0, 9), (40, 50), (70, 80)]}, {"c": 40}),
        ({"a": [(0, 9)], "b": [(0, 9)], "c": [(40, 50)]}, {"c": 40}),
        ({"a": [(0, 9)], "b": [(0, 9)], "c": [(0, 50)]}, {}),
        ({"a": [(0, 9)], "b": [(0, 19)], "c": [(0, 9), (25, 28)]}, {}),
        ({"a": [(0, 9)], "b": [(30, 39)], "c": [(30, 39)]}, {}),
    ],
)
def test_the_fleet_decides_whose_clock_is_wrong(spans, expected):
    scaled = {name: [(a * DAY, b * DAY) for a, b in own] for name, own in spans.items()}
    assert cutoffs(scaled, 7 * DAY) == {name: first * DAY for name, first in expected.items()}
    assert cutoffs(scaled, None) == {}


sets = st.sets(st.integers(0, 60), max_size=25)


@given(sets, sets, st.integers(1, 5))
def test_spans_are_sets(one, other, apart):
    first, second = (spans_of(np.array(sorted(numbers), np.int64), apart) for numbers in (one, other))
    both = spans_of(np.array(sorted(one | other), np.int64), apart)
    assert joined([*first, *second], apart) == both
    exact = [spans_of(np.array(sorted(numbers), np.int64), 1) for numbers in (one, other)]
    assert shared(*exact) == len(one & other)


def test_a_renamed_server_is_one(fleet_of, prepared, tmp_path, params_for):
    frame = fleet_of(2, 40)
    expected = prepared(frame).telemetry
    cut = pd.Timestamp("2025-01-06T01:00Z")
    old = (frame["server"] == "web-1") & (frame["timestamp"] < cut)
    aside = frame.assign(server=frame["server"].where(~old, "db-9"))
    got = prepared(aside, rename_servers={"db-9": "web-1"})
    pd.testing.assert_frame_equal(got.telemetry, expected)
    assert faults(got) == {"renamed_server": 12} and rows_close(got.quality)
    aside[old].to_csv(tmp_path / "a.csv", index=False)
    aside[~old].to_json(tmp_path / "b.jsonl", orient="records", lines=True, date_format="iso")
    (tmp_path / "t.parquet").unlink()
    split = prepare(params_for(tmp_path, rename_servers={"db-9": "web-1"}))
    pd.testing.assert_frame_equal(split.telemetry, expected)


def test_servers_that_meet_under_one_name_are_never_merged_in_silence(fleet_of, prepared):
    frame = fleet_of(3, 30)
    # web-2 has 20 of its steps beside web-1
    frame = frame.drop(index=range(60, 70))
    got = prepared(frame, rename_servers={"web-2": "web-1"})
    assert faults(got)["renamed_overlap"] == 20 and faults(got)["renamed_server"] == 20
    assert got.quality["rows"]["merged"] == {"conflicting_duplicates": 20} and rows_close(got.quality)
    got = prepared(frame, rename_servers={"web-2": "new", "web-1": "new"})
    assert set(got.telemetry["server"]) == {"web-0", "new"}
    assert faults(got)["renamed_overlap"] == 40


def test_servers_that_join_late_or_go_early_are_named(fleet_of, prepared):
    frame = fleet_of(3, 24 * 6, "1h")
    day = (frame["timestamp"] - frame["timestamp"].min()) // pd.Timedelta("1D")
    frame = frame[~((frame["server"] == "web-1") & (day < 2) | (frame["server"] == "web-2") & (day > 3))]
    got = prepared(frame, base={"freq": "1h"})
    found = {(entry["fault"], entry["server"]) for entry in got.quality["treatments"]}
    assert found == {("joined_late", "web-1"), ("gone_early", "web-2")}
    assert [server["steps"] for server in got.quality["servers"]] == [144, 96, 96]


def test_a_server_with_ten_rows_is_left_out_by_name(fleet_of, prepared):
    frame = fleet_of(3, 60).drop(index=range(130, 180))
    got = prepared(frame, min_rows=48)
    assert [gone["name"] for gone in got.quality["left_out"]] == ["web-2"]
    assert got.quality["rows"]["dropped"] == {"server_left_out": 10} and rows_close(got.quality)


HOSTILE = [
    "x" * 10_000, "../../etc/passwd", "/", "C:\\a\\b", "..", 'a"b', "a'b", "a\nb", "a\r\nb", "a\x00b",
    "\u202egnp.exe", "\u2066a\u2069", "e\u0301", "é", "🖥️", "$(reboot)", "%s%n", "{0}", "<script>", "$x^2$",
    "a,b;c|d\te", "NaN", "null", "-1", "1e5", "=1+1", "\ufeff", "İ", "a\u2028b",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "json", "jsonl"])
def test_no_server_name_is_too_strange(kind, fleet_of, params_for, tmp_path):
    frame = fleet_of(len(HOSTILE), 5)
    names = {f"web-{number}": name for number, name in enumerate(HOSTILE)}
    frame["server"] = frame["server"].map(names)
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=kind == "jsonl", date_format="iso")
    got = prepare(params_for(path))
    assert set(got.telemetry["server"]) == set(HOSTILE)
    assert [server["name"] for server in got.quality["servers"]] == sorted(HOSTILE)
    json.dumps(got.quality, allow_nan=False)


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\x00" not in name])
def test_no_name_of_a_file_or_column_is_too_strange(name, fleet, params_for, tmp_path):
    file = "".join(c for c in name if c not in "/\x00")[:60].strip(".") or "x"
    path = tmp_path / f"{file}.csv"
    fleet.rename(columns={"cpu_percent": name}).assign(disk_percent="?").to_csv(path, index=False)
    with pytest.raises(HostcastError) as caught:
        prepare(params_for(tmp_path, columns={"cpu_percent": name.strip()}))
    first = str(caught.value).splitlines()
    assert len(first) == 2 and first[0].isprintable() and "is not a number" in first[0]

"""Every way to write an instant gives the same UTC grid; local times that are lost are counted."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from hostcast.telemetry import prepare


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
        lambda t: t.strftime("%Y-%m-%d %H:%M:%S UTC"),
        lambda t: t.strftime("%Y%m%dT%H%M%SZ"),
        lambda t: t.isoformat(timespec="microseconds"),
        lambda t: t.tz_convert("Asia/Kolkata").isoformat() if t.minute % 2 else t.isoformat(),
        lambda t: t.tz_convert("America/New_York").strftime("%Y-%m-%dT%H:%M:%S%z"),
        lambda t: int(t.timestamp()),
        lambda t: t.timestamp() + 0.25,
        lambda t: int(t.timestamp()) * 10**3,
        lambda t: int(t.timestamp()) * 10**6,
        lambda t: int(t.timestamp()) * 10**9,
        lambda t: int(t.timestamp()) if t.minute % 2 else t.isoformat(),
        lambda t: str(int(t.timestamp())),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_every_notation_of_an_instant_is_read(write, kind, fleet, params_for, tmp_path):
    expected = fleet["timestamp"].copy()
    fleet["timestamp"] = pd.Series([write(stamp) for stamp in expected], dtype=object)
    if kind == "csv":
        fleet.to_csv(tmp_path / "t.csv", index=False)
    else:
        fleet.to_json(tmp_path / "t.json", orient="records")
    got = prepare(params_for(tmp_path / f"t.{kind}")).telemetry["timestamp"]
    np.testing.assert_array_equal(got, expected)


def test_a_named_zone_outranks_the_zone_of_the_params(fleet, params_for, tmp_path):
    expected = fleet["timestamp"].copy()
    for mark in ("Z", " UTC", "+00:00", "+00", "-0000"):
        fleet["timestamp"] = expected.dt.strftime("%Y-%m-%dT%H:%M:%S") + mark
        fleet.to_csv(tmp_path / "t.csv", index=False)
        got = prepare(params_for(tmp_path / "t.csv", timezone="Asia/Tokyo")).telemetry["timestamp"]
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_parquet_timestamps_of_every_unit_are_read(unit, zone, fleet, params_for, tmp_path):
    expected = fleet["timestamp"].copy()
    stamps = expected.dt.tz_convert("Europe/Berlin")
    fleet["timestamp"] = (
        stamps.dt.tz_localize(None) if zone is None else stamps.dt.tz_convert(zone)
    ).dt.as_unit(unit)
    fleet.to_parquet(tmp_path / "t.parquet")
    got = prepare(params_for(tmp_path / "t.parquet", timezone="Europe/Berlin")).telemetry["timestamp"]
    np.testing.assert_array_equal(got, expected)


def test_dates_are_midnights(fleet_of, params_for, tmp_path):
    frame = fleet_of(1, 5, "1D")
    frame["timestamp"] = [dt.date(2025, 1, 6 + day) for day in range(5)]
    frame.to_parquet(tmp_path / "t.parquet")
    got = prepare(params_for(tmp_path / "t.parquet", base={"freq": "1D"})).telemetry
    assert list(got["timestamp"].dt.day) == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_hour_shown_twice_is_dropped_and_counted(kind, fleet_of, params_for, tmp_path):
    frame = fleet_of(1, 48)
    # 00:00 to 03:55 UTC; Berlin puts its clocks back at 01:00 UTC
    utc = pd.date_range("2025-10-26", periods=48, freq="5min", tz="UTC")
    frame["timestamp"] = utc.tz_convert("Europe/Berlin").tz_localize(None)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    got = prepare(params_for(tmp_path / f"t.{kind}", timezone="Europe/Berlin"))
    assert got.quality["rows"]["dropped"] == {"ambiguous_local_time": 24}
    assert got.telemetry["timestamp"].iloc[0] == utc[24]
    assert any("clock showed twice" in entry["issue"] for entry in got.quality["treatments"])


def test_an_hour_never_shown_is_dropped_and_counted(fleet_of, params_for, tmp_path):
    frame = fleet_of(1, 48)
    frame["timestamp"] = pd.date_range("2025-03-30 01:00", periods=48, freq="5min")
    frame.to_csv(tmp_path / "t.csv", index=False)
    got = prepare(params_for(tmp_path / "t.csv", timezone="Europe/Berlin"))
    assert got.quality["rows"]["dropped"] == {"nonexistent_local_time": 12}
    assert got.telemetry["timestamp"].iloc[0] == pd.Timestamp("2025-03-30T00:00Z")
    assert len(got.telemetry) == 36

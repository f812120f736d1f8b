"""Drift from prepared telemetry to the verdict: what is flagged, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hostcast.parts.grouping
from drifting_fleet import TARGETS, later, made_fleet, prepare, reference_in, reference_to
from hostcast.account import Reference
from hostcast.drift import compare, recent_of
from hostcast.errors import HostcastError

Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Prepare a frame, split it and look for drift."""

    def run(frame: pd.DataFrame, **drift: Any) -> dict[str, Any]:
        prepared, params = prepare(tmp_path, frame, **drift)
        reference = reference_to(prepared, params)
        return compare(reference, recent_of(prepared, reference, params), params.drift)

    return run


def kinds(report: dict[str, Any], where: str = "reasons") -> set[tuple[str, str | None]]:
    return {(entry["kind"], entry["column"]) for entry in report[where]}


def test_a_fleet_that_goes_on_as_before_gives_no_reason_to_retrain(look: Look) -> None:
    report = look(made_fleet())
    assert (report["retrain"], report["reasons"], report["warnings"]) == (False, [], [])
    assert all(column["psi"] < 0.05 for column in report["columns"].values())
    assert report["recent"]["first"] == "2025-01-27T00:00:00Z"
    assert report["reference"]["last"] == "2025-01-26T23:00:00Z"


def test_a_shifted_column_is_flagged_and_an_unshifted_one_is_not(look: Look) -> None:
    frame = made_fleet()
    frame.loc[later(frame), "cpu_percent"] += 15
    report = look(frame)
    assert report["retrain"]
    assert kinds(report) == {("drift", "cpu_percent"), ("server_drift", "cpu_percent")}
    assert report["columns"]["cpu_percent"]["psi"] > 1
    assert report["columns"]["load_average"]["psi"] < 0.05
    assert report["columns"]["cpu_percent"]["servers_drifted"] == 6
    assert report["columns"]["load_average"]["servers_drifted"] == 0


def test_one_server_that_changes_is_found_though_the_fleet_looks_the_same(look: Look) -> None:
    frame = made_fleet(servers=12)
    frame.loc[later(frame) & (frame["server"] == "web-7"), "cpu_percent"] += 15
    report = look(frame)
    assert not report["retrain"]
    (changed,) = [s for s in report["servers"] if (s["psi"]["cpu_percent"] or 0) >= 0.25]
    assert changed["name"] == "web-7"


def test_a_server_that_was_held_out_of_training_is_neither_new_nor_compared(tmp_path: Path) -> None:
    frame = made_fleet()
    frame.loc[later(frame) & (frame["server"] == "web-2"), "cpu_percent"] += 40
    prepared, params = prepare(tmp_path, frame, {"split.holdout_servers": ["web-2"]})
    reference = reference_to(prepared, params)
    assert "web-2" not in reference.servers
    again = Reference.from_dict(reference.to_dict())
    report = compare(again, recent_of(prepared, again, params), params.drift)
    assert (report["retrain"], report["reasons"], report["warnings"]) == (False, [], [])
    assert report["recent"]["servers"] == 5
    (own,) = [server for server in report["servers"] if server["name"] == "web-2"]
    assert (own["new"], own["gone"], own["psi"]) == (False, False, {})


def test_missing_values_and_silent_servers_are_warnings(look: Look) -> None:
    frame = made_fleet()
    gap = later(frame) & (np.arange(len(frame)) % 2 == 0)
    frame.loc[gap, "load_average"] = np.nan
    frame = frame[~(later(frame, "2025-01-31") & (frame["server"] == "web-2"))]
    frame = frame[~(later(frame, "2025-01-20") & (frame["server"] == "web-3"))]
    report = look(frame)
    assert not report["retrain"]
    assert kinds(report, "warnings") == {("missing", "load_average"), ("silent_servers", None)}
    column = report["columns"]["load_average"]
    assert (column["missing_then"], column["missing_now"]) == (0, pytest.approx(0.5, abs=0.02))
    servers = {server["name"]: server for server in report["servers"]}
    assert [name for name, own in servers.items() if own["silent"]] == ["web-2", "web-3"]
    assert [name for name, own in servers.items() if own["gone"]] == ["web-3"]
    assert servers["web-3"]["last_seen"] == "2025-01-19T23:00:00Z"
    assert servers["web-2"]["behind_steps"] == 72
    assert servers["web-0"]["behind_steps"] == 0


def test_servers_that_training_never_saw_are_a_reason_above_the_limit(look: Look) -> None:
    frame = made_fleet()
    frame = frame[later(frame) | (frame["server"] != "web-5")]
    report = look(frame)
    assert kinds(report) == {("new_servers", None)}
    assert "web-5" in report["reasons"][0]["text"]
    assert not look(frame, new_servers=0.5)["retrain"]


def test_data_far_past_the_training_span_is_a_reason(look: Look) -> None:
    assert kinds(look(made_fleet(), max_age="3D")) == {("age", None)}
    assert not look(made_fleet(), max_age=None)["retrain"]


def test_too_few_values_are_no_verdict(look: Look) -> None:
    report = look(made_fleet(), min_values=10**6)
    assert kinds(report, "warnings") == {("too_few_values", name) for name in TARGETS}
    assert report["columns"]["cpu_percent"]["psi"] is None
    assert report["columns"]["cpu_percent"]["servers_compared"] == 0
    # of the side that has fewer: 7 of 28 days of 6 servers
    assert {entry["value"] for entry in report["warnings"]} == {7 * 24 * 6}


def test_a_column_that_is_missing_altogether_is_told_beside_too_few_values(look: Look) -> None:
    frame = made_fleet()
    frame.loc[later(frame), "load_average"] = np.nan
    report = look(frame)
    assert kinds(report, "warnings") == {("missing", "load_average"), ("too_few_values", "load_average")}
    assert [entry["value"] for entry in report["warnings"]] == [1, 0]
    column = report["columns"]["load_average"]
    assert (column["values_then"], column["values_now"]) == (21 * 24 * 6, 0)


def test_recent_limits_what_is_compared_to_the_last_of_it(look: Look) -> None:
    frame = made_fleet()
    frame.loc[later(frame, "2025-02-01"), "cpu_percent"] += 15
    last, all_of_it = look(frame, recent="2D"), look(frame, recent=None)
    assert last["recent"]["first"] == "2025-02-01T00:00:00Z"
    assert all_of_it["recent"]["first"] == "2025-01-27T00:00:00Z"
    assert last["columns"]["cpu_percent"]["psi"] > all_of_it["columns"]["cpu_percent"]["psi"]
    # nothing of the training span is ever compared with itself
    assert look(frame, recent="400D")["recent"] == all_of_it["recent"]


def test_the_limits_change_what_is_pointed_out_and_no_number(look: Look) -> None:
    frame = made_fleet()
    frame.loc[later(frame), "cpu_percent"] += 1
    one, other = look(frame), look(frame, psi=0.001, psi_watch=0.001, drifted_servers=0.0)
    assert not one["retrain"]
    assert other["retrain"]
    for name in TARGETS:
        assert one["columns"][name]["psi"] == other["columns"][name]["psi"]
    assert [server["psi"] for server in one["servers"]] == [server["psi"] for server in other["servers"]]


def test_how_the_table_is_cut_into_parts_makes_no_difference(
    tmp_path: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = made_fleet()
    frame.loc[later(frame), "cpu_percent"] += 5
    whole, reference = look(frame), reference_in(tmp_path, frame).to_dict()
    monkeypatch.setattr(hostcast.parts.grouping, "MOST_SERVERS", 2)
    assert look(frame) == whole
    assert len(list((tmp_path / "prepared").glob("part-*"))) >= 3
    assert reference_in(tmp_path, frame).to_dict() == reference


def test_new_files_alone_can_be_held_against_a_reference(tmp_path: Path) -> None:
    frame = made_fleet()
    reference = reference_in(tmp_path, frame)
    new = frame[later(frame)].assign(cpu_percent=lambda rows: rows["cpu_percent"] + 15)
    prepared, params = prepare(tmp_path, new[new["server"] != "web-1"])
    report = compare(reference, recent_of(prepared, reference, params), params.drift)
    assert ("drift", "cpu_percent") in kinds(report)
    (gone,) = [server for server in report["servers"] if server["gone"]]
    assert (gone["name"], gone["last_seen"]) == ("web-1", "2025-01-26T23:00:00Z")


def test_telemetry_that_ends_with_the_training_span_is_a_clear_error(tmp_path: Path) -> None:
    frame = made_fleet()
    reference = reference_in(tmp_path, frame)
    prepared, params = prepare(tmp_path, frame[~later(frame)])
    with pytest.raises(HostcastError, match="no telemetry after the training span, which ends at 2025-01-27"):
        recent_of(prepared, reference, params)


def test_other_steps_and_other_columns_are_clear_errors(tmp_path: Path) -> None:
    frame = made_fleet()
    prepared, params = prepare(tmp_path, frame)
    reference = reference_to(prepared, params)
    content = reference.to_dict()
    with pytest.raises(HostcastError, match="steps of 3600 s, the training data had steps of 60 s"):
        recent_of(prepared, Reference.from_dict({**content, "step_micros": 60_000_000}), params)
    renamed = {**content, "columns": ["cpu_percent", "swap"], "fleet": {**content["fleet"]}}
    renamed["fleet"]["swap"] = renamed["fleet"]["load_average"]
    with pytest.raises(HostcastError, match="has no column 'swap'"):
        recent_of(prepared, Reference.from_dict(renamed), params)

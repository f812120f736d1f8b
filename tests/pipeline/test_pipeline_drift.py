"""From newer telemetry to the answer whether to train anew, as a user asks for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from project import Outcome, Project


def asked(project: Project, *words: str) -> Outcome:
    return project.run(sys.executable, "-m", "hostcast.drift", *words)


def fleet(days: int, moved: float = 0.0) -> pd.DataFrame:
    """Half-hourly telemetry from 2025-01-06 on, in which `moved` is added to cpu after the sixth day."""
    numbers = np.random.default_rng(4)
    times = pd.date_range("2025-01-06", periods=48 * days, freq="30min", tz="UTC")
    parts = []
    for name in ("a", "b", "c"):
        values = 50 + numbers.normal(0, 5, (48 * 20, 4))[: len(times)]
        part = pd.DataFrame(values, columns=["cpu_percent", "memory_percent", "disk_percent", "load_average"])
        part["cpu_percent"] += np.where(np.arange(len(times)) >= 48 * 6, moved, 0)
        parts.append(part.assign(server=name, timestamp=times))
    return pd.concat(parts)


def test_a_trained_model_is_asked_about_the_telemetry_that_came_since(
    finished: Project, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    raw = project.folder / "data/raw/fleet.parquet"
    fleet(6).to_parquet(raw)
    project.set({"prepare.source": "files", "drift.min_values": 40})
    project.repro("evaluate")
    model = project.tree("models")

    fleet(12).to_parquet(raw)
    assert project.repro("prepare").ran == ["prepare"]
    same = asked(project)
    assert same.code == 0, same.text
    assert "the model may stay" in same.text
    project.set({"drift.min_values": 10**6})
    unknown = asked(project)
    assert unknown.code == 0, unknown.text
    assert "cpu_percent: too few values to compare (690, limit 1e+06)" in unknown.text
    assert "the model may stay" not in unknown.text
    assert "no values could be compared; no other reason to train anew" in unknown.text
    project.set({"drift.min_values": 40})

    fleet(12, moved=15).to_parquet(raw)
    project.repro("prepare")
    changed = asked(project, "--out", "drift.json")
    assert changed.code == 3, changed.text
    assert "reason: cpu_percent: its values are distributed otherwise" in changed.text
    report = json.loads((project.folder / "drift.json").read_text("utf-8"))
    assert {entry["column"] for entry in report["reasons"]} == {"cpu_percent"}
    assert project.tree("models") == model

    # the new files alone, before they come into the pipeline
    since = fleet(12, moved=15)
    since[since["timestamp"] >= "2025-01-12"].to_csv(tmp_path / "new.csv", index=False)
    assert asked(project, "--telemetry", str(tmp_path / "new.csv")).code == 3
    since[since["timestamp"] >= "2025-01-12"].assign(cpu_percent=50).to_csv(tmp_path / "new.csv", index=False)
    flat = asked(project, "--telemetry", str(tmp_path / "new.csv"))
    assert flat.code == 1
    assert "cpu_percent" in flat.text
    assert "Traceback" not in flat.text

    # what the telemetry is called, not where it was prepared
    fleet(3).to_csv(tmp_path / "old.csv", index=False)
    old = asked(project, "--telemetry", str(tmp_path / "old.csv"))
    assert (old.code, f"file {tmp_path / 'old.csv'}: there is no telemetry after" in old.text) == (1, True)
    absent = asked(project, "--telemetry", "absent.csv")
    assert (absent.code, "correct --telemetry" in absent.text) == (1, True)


def test_without_a_model_the_question_is_a_clear_error(split_done: Project, tmp_path: Path) -> None:
    project = split_done.copy(tmp_path / "project")
    outcome = asked(project)
    assert outcome.code == 1
    assert "there is no model here" in outcome.text
    assert "Traceback" not in outcome.text
    assert asked(project, "--no-such-option").code == 2


def test_a_run_and_the_command_tell_the_same_of_the_same_telemetry(finished: Project, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    told = asked(project, "--out", "drift.json")
    assert told.code in (0, 3), told.text
    made = project.folder / "reports/evaluate/drift.json"
    assert (project.folder / "drift.json").read_bytes() == made.read_bytes()
    report = json.loads(made.read_text("utf-8"))
    assert report["reference"]["servers"] == report["recent"]["servers"] == 4
    assert "Is it still the data it learned from?" in (project.folder / "reports/report.html").read_text(
        "utf-8"
    )

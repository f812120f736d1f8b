"""Prepare and featurize on a Ray cluster of two nodes: the same bytes, and nothing lost with a node."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ray_nodes import Nodes

import hostcast.telemetry.intake
from hostcast.errors import HostcastError
from hostcast.features import featurize_into
from hostcast.params import Params, load_params, parse_params
from hostcast.telemetry import prepare_into

REPOSITORY = Path(__file__).parents[2]
HOSTILE = ["it's", 'a "quote"', "$(touch owned)", "`touch owned`; touch owned", "../../owned", "ä\u202eb"]
TARGETS = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
FILES = 12


def params_of(engine: str, path: str = "raw", **changes: dict[str, Any]) -> Params:
    content = load_params(REPOSITORY / "params.yaml").model_dump()
    content["prepare"].update({"engine": engine, "source": "files", "path": path, "min_rows": 5})
    content["prepare"].update({"static": ["role"], "on_empty_server": "drop"})
    content["featurize"].update({"lags": [1, 3], "rolling_windows": [4]})
    content["split"].update({"horizon": 2, "encoder_length": 4, "min_encoder_length": 4})
    for section, values in changes.items():
        content[section].update(values)
    return parse_params(content)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that no shell would like, with files of different formats, faults, and hostile names."""
    folder = tmp_path / "it's $(touch owned); `x` & $HOME"
    (folder / "raw").mkdir(parents=True)
    monkeypatch.chdir(folder)
    # a task for each file
    monkeypatch.setattr(hostcast.telemetry.intake, "SMALL_BYTES", 1)
    fleet = made_fleet([*HOSTILE, *(f"web-{number}" for number in range(300))], steps=48)
    rows = pd.concat([fleet, fleet.iloc[::50]]).sample(frac=0.9, random_state=1)
    for number in range(FILES):
        own = rows.iloc[number::FILES]
        if number % 2:
            own.to_parquet(folder / "raw" / f"{number:02d} $(touch owned)'.parquet", index=False)
        else:
            own.to_csv(folder / "raw" / f"{number:02d} $(touch owned)'.csv", index=False)
    return folder


def made_fleet(names: list[str], steps: int) -> pd.DataFrame:
    """Rows on the grid, some out of range."""
    random = np.random.default_rng(3)
    times = pd.date_range("2025-01-06", periods=steps, freq="5min", tz="UTC", unit="us")
    rows = len(names) * steps
    fleet = pd.DataFrame({"server": np.repeat(names, steps), "timestamp": np.tile(times, len(names))})
    for target in TARGETS:
        fleet[target] = random.integers(0, 400, rows) / 4
    fleet["role"] = "web"
    fleet.loc[fleet.index % 17 == 0, "cpu_percent"] = 140.0
    return fleet


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def made_by(engine: str, *, kept: Path | None = None) -> tuple[dict[str, str], dict[str, Any]]:
    """Digests of what prepare and featurize leave, and the quality report."""
    params = params_of(engine)
    out = Path(f"out of {engine}")
    report = prepare_into(out / "prepared", params, kept=kept and kept / "prepare")
    featurize_into(out / "features", out / "prepared", params, kept=kept and kept / "featurize")
    return digests(out), report.quality


def test_two_nodes_leave_the_same_bytes_and_report_as_one_machine(nodes: Nodes, project: Path) -> None:
    local, on_ray = made_by("local"), made_by("ray")
    assert len(local[0]) > 12
    assert on_ray == local
    assert {path.name for path in project.iterdir()} == {"raw", "out of local", "out of ray"}


def test_a_node_killed_at_work_loses_nothing(nodes: Nodes, project: Path) -> None:
    local = made_by("local")
    # files are half written for moments, which pass unseen where the machine is busy
    for _ in range(10):
        with nodes.second_killed_at_work(lambda _: any(project.rglob("*.parquet.*.tmp"))) as killed:
            on_ray = made_by("ray")
        assert on_ray == local
        if killed:
            break
    assert killed


def test_work_that_one_engine_finished_is_found_by_the_other_and_damage_is_told_about(
    nodes: Nodes, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = project / "kept"
    first = made_by("local", kept=kept)
    entries = {path: path.stat().st_mtime_ns for path in kept.rglob("*.parquet")}
    damaged = next((kept / "prepare").glob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert made_by("ray", kept=kept) == first
    again = {path: path.stat().st_mtime_ns for path in kept.rglob("*.parquet")}
    assert again.keys() == entries.keys()
    assert {path for path in entries if again[path] != entries[path]} == {damaged}
    assert damaged.name in caplog.text


def test_a_bad_file_is_the_same_error_or_the_same_loss_as_on_one_machine(nodes: Nodes, project: Path) -> None:
    (project / "raw" / "05 bad.csv").write_bytes(b"server,timestamp\nx,y\n")
    (project / "raw" / "06 bad.parquet").write_bytes(b"PAR1")
    told = []
    for engine in ("local", "ray"):
        with pytest.raises(HostcastError) as error:
            prepare_into(Path("out"), params_of(engine))
        told.append((str(error.value), error.value.file, error.value.column, error.value.row))
    assert told[0] == told[1]
    assert "05 bad.csv" in told[0][0]
    assert {path.name for path in project.iterdir()} == {"raw"}
    passed_over = [
        prepare_into(Path(engine), params_of(engine, prepare={"on_bad_file": "skip"})).quality
        for engine in ("local", "ray")
    ]
    assert passed_over[0] == passed_over[1]
    assert digests(Path("local")) == digests(Path("ray"))


def test_the_simulated_fleet_is_the_same_too(nodes: Nodes, project: Path) -> None:
    made = []
    for engine in ("local", "ray"):
        fleet = params_of(engine).prepare.simulate.model_dump() | {"servers": 3, "days": 2}
        changes = {"source": "simulate", "static": [], "simulate": fleet}
        report = prepare_into(Path(engine), params_of(engine, prepare=changes))
        made.append((digests(Path(engine)), report.quality))
    assert made[0] == made[1]

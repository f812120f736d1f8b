"""Bad input ends a stage with a message that helps, and costs nothing that was there before."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from project import Project

TARGETS = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
OUTPUTS = ("data/prepared", "data/features", "data/split", "models/tft", "reports")


@pytest.fixture(scope="module")
def shared(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return finished.copy(tmp_path_factory.mktemp("bad_input") / "project")


@pytest.fixture
def intact(shared: Project) -> Iterator[Project]:
    """A finished project: whatever the test does, its outputs have to be the same afterwards."""
    params = (shared.folder / "params.yaml").read_bytes()
    before = shared.tree(*OUTPUTS, "dvc.lock")
    assert len(before) > 20
    yield shared
    after = shared.tree(*OUTPUTS, "dvc.lock")
    (shared.folder / "params.yaml").write_bytes(params)
    for path in (shared.folder / "data/raw").glob("fleet*"):
        path.unlink()
    assert after == before


def fleet() -> pd.DataFrame:
    """Good telemetry of three servers, six days."""
    random = np.random.default_rng(5)
    times = pd.date_range("2025-01-06", periods=288, freq="30min", tz="UTC", unit="us")
    return pd.concat(
        [
            pd.DataFrame(
                {"server": f"web-{number}", "timestamp": times}
                | {name: random.uniform(10, 90, 288).round(2) for name in TARGETS}
            )
            for number in range(3)
        ],
        ignore_index=True,
    )


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)


def without_disk(path: Path) -> None:
    write_csv(fleet().drop(columns="disk_percent"), path)


def empty(path: Path) -> None:
    path.touch()


def a_broken_row(path: Path) -> None:
    write_csv(fleet(), path)
    lines = path.read_text("utf-8").splitlines()
    lines[10] += ",7,8"
    path.write_text("\n".join(lines) + "\n", "utf-8")


def a_bad_timestamp(path: Path) -> None:
    frame = fleet()
    frame["timestamp"] = frame["timestamp"].astype(str)
    frame.loc[41, "timestamp"] = "the day before yesterday"
    write_csv(frame, path)


def a_constant_target(path: Path) -> None:
    write_csv(fleet().assign(memory_percent=50.0), path)


def a_server_without_values(path: Path) -> None:
    frame = fleet()
    frame.loc[frame["server"] == "web-1", TARGETS] = np.nan
    write_csv(frame, path)


def a_truncated_parquet(path: Path) -> None:
    fleet().to_parquet(path)
    path.write_bytes(path.read_bytes()[:-500])


BAD_FILES: list[tuple[str, Callable[[Path], None], list[str]]] = [
    ("fleet.csv", without_disk, ["file data/raw/fleet.csv, column disk_percent:"]),
    ("fleet.csv", empty, ["file data/raw/fleet.csv"]),
    ("fleet.csv", a_broken_row, ["file data/raw/fleet.csv, row 10:"]),
    (
        "fleet.csv",
        a_bad_timestamp,
        ["file data/raw/fleet.csv, column timestamp, row 42:", "the day before yesterday"],
    ),
    ("fleet.csv", a_constant_target, ["file data/raw/fleet.csv, column memory_percent:", "is 50 on every"]),
    ("fleet.csv", a_server_without_values, ["file data/raw/fleet.csv", "'web-1'", "on_empty_server"]),
    ("fleet.parquet", a_truncated_parquet, ["file data/raw/fleet.parquet"]),
]


@pytest.mark.parametrize(("name", "write", "said"), BAD_FILES, ids=[case[1].__name__ for case in BAD_FILES])
def test_a_bad_file_is_refused_by_name(
    intact: Project, name: str, write: Callable[[Path], None], said: list[str]
) -> None:
    write(intact.folder / "data/raw" / name)
    intact.set({"prepare.source": "files"})
    assert_refused(intact.stage("prepare"), said)


BAD_PARAMS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("train", {"train.epoch": 5}, ["file params.yaml", "train.epoch: unknown key"]),
    ("train", {"train.epochs": "ten"}, ["file params.yaml", "train.epochs: must be a whole number", "'ten'"]),
    (
        "split",
        {"split.validation_split": 0.6, "split.test_split": 0.4},
        ["file params.yaml", "split: ", "leave nothing to train on", "below 1"],
    ),
    ("split", {"split.horizon": 500}, ["no train window", "500 of horizon", "lower split.horizon"]),
    (
        "train",
        {"split.horizon": 5},
        ["file data/split/split.json: is stale: ", "run `dvc repro`"],
    ),
    ("benchmark", {"split.horizon": 5}, ["file data/split/split.json: is stale: ", "run `dvc repro`"]),
]


@pytest.mark.parametrize(("stage", "change", "said"), BAD_PARAMS, ids=lambda value: str(value)[:40])
def test_bad_params_are_refused_by_key(
    intact: Project, stage: str, change: dict[str, Any], said: list[str]
) -> None:
    intact.set(change)
    assert_refused(intact.stage(stage), said)


@pytest.mark.parametrize(
    ("write", "change", "said"),
    [
        (without_disk, {"prepare.source": "files"}, ["column disk_percent:", "put back data/prepared"]),
        (
            None,
            {"split.validation_split": 0.6, "split.test_split": 0.4},
            ["leave nothing to train on", "put back data/split"],
        ),
        (None, {"train.epochs": "ten"}, ["train.epochs: ", "put back models/tft", "reports/train/live"]),
        (None, {"evaluate.season": -1}, ["evaluate.season: ", "put back reports/report.html"]),
    ],
    ids=["prepare", "split", "train", "evaluate"],
)
def test_outputs_that_dvc_deleted_before_the_failing_stage_are_put_back(
    intact: Project, write: Callable[[Path], None] | None, change: dict[str, Any], said: list[str]
) -> None:
    if write is not None:
        write(intact.folder / "data/raw/fleet.csv")
    intact.set(change)
    assert_refused(intact.run("dvc", "repro"), said)


def test_altered_weights_are_refused_and_repro_puts_them_right(intact: Project) -> None:
    weights = intact.folder / "models/tft/weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-100] ^= 1
    # DVC may have linked the file to its cache
    weights.unlink()
    weights.write_bytes(content)
    altered = intact.tree("models/tft")
    said = ["file models/tft/weights.safetensors:", "altered", "dvc checkout models/tft"]
    assert_refused(intact.stage("evaluate"), said)
    assert intact.tree("models/tft") == altered
    assert intact.repro().ran == []


def assert_refused(outcome: Any, said: list[str]) -> None:
    assert outcome.code != 0
    for words in [*said, "What to do: "]:
        assert words in outcome.text
    assert "Traceback" not in outcome.text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A mounted disk with room for four checkpoints of the tiny model; None where nothing can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1300k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    yield place if mounted else None
    if mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_fills_up_keeps_the_old_model_and_the_resume_point(
    intact: Project, finished: Project, small_disk: Path | None, tmp_path: Path
) -> None:
    state = small_disk or tmp_path / "state"
    retrain = ("dvc", "repro", "--force", "--single-item", "train")
    # where nothing can be mounted: no file of more than 250 KiB, which is less than a checkpoint, and
    # without DVC, whose own files grow larger
    limited = retrain if small_disk else ("bash", "-c", "ulimit -f 250; exec python stages/train.py")
    full = intact.run(*limited, HOSTCAST_STATE_DIR=str(state))
    said = [f"file {state}", ".safetensors: the checkpoint could not be written", "free some disk space"]
    assert_refused(full, said)
    if small_disk is not None:
        assert "put back models/tft" in full.text
    kept = ("data", "models/tft", "reports", "dvc.lock")
    assert intact.tree(*kept) == finished.tree(*kept)

    if small_disk is not None:
        subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    again = intact.must(*retrain, HOSTCAST_STATE_DIR=str(state))
    if small_disk is not None:
        assert "training resumes from epoch 2, step 4" in again.text
    assert intact.tree(*kept) == finished.tree(*kept)

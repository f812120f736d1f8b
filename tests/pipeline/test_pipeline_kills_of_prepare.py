"""SIGKILL while telemetry is prepared: the next `dvc repro` ends in the bytes of an uninterrupted one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from project import Project

TARGETS = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
OUTPUTS = ("data/prepared", "data/features", "data/split", "reports/prepare")
KILLS = 20
STAGES = ("prepare", "featurize", "split")


def write_day(folder: Path, day: int) -> None:
    """A file with a day's minutes of 60 servers."""
    draw = np.random.default_rng(day)
    start = pd.Timestamp("2025-01-06", tz="UTC") + pd.Timedelta(day, "D")
    times = pd.date_range(start, periods=1440, freq="1min")
    frame = pd.DataFrame(
        {
            "server": np.tile([f"web-{number:02d}" for number in range(60)], 1440),
            "timestamp": times.as_unit("us").repeat(60),
            **{name: draw.uniform(0, 90, 1440 * 60).astype(np.float32) for name in TARGETS},
        }
    )
    frame.to_parquet(folder / f"day-{day}.parquet")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project on files of three days, prepared as far as the split."""
    folder = tmp_path_factory.mktemp("kills") / "project"
    folder.mkdir()
    project = Project.make(folder)
    project.set({"prepare.source": "files", "base.freq": "1min", "featurize.lags": [60]})
    for day in range(3):
        write_day(folder / "data/raw", day)
    project.repro(*STAGES)
    return project


def stage_of(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The stage `prepare` that a `dvc repro` runs; None if that ends without."""
    while process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "stages/prepare.py" in child.cmdline()[1:2]:
                    return child
        time.sleep(0.01)
    return None


def killed(project: Project, after: float) -> tuple[bool, float]:
    """Run the stage, and kill it with all that runs beside it so many seconds after its begin.

    DVC itself is killed a moment later: killed while it writes dvc.lock, which it does when a stage is done,
    it leaves half of it.

    Returns:
        Whether it still ran then, and for how many seconds it had.
    """
    process = subprocess.Popen(
        ["dvc", "repro", "--force", "prepare"],
        cwd=project.folder,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    stage = stage_of(process)
    assert stage is not None, "dvc repro ended before its stage began"
    begun = time.monotonic()
    gone, _ = psutil.wait_procs([stage], timeout=after)
    length = time.monotonic() - begun
    if gone:
        assert process.wait(timeout=60) == 0
        return False, length
    with contextlib.suppress(psutil.NoSuchProcess):
        stage.kill()
    process.wait(timeout=60)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # it may have ended by itself at the last moment
    return process.returncode != 0, length


def test_prepare_killed_at_random_moments_ends_in_the_bytes_of_a_full_run(
    prepared: Project, tmp_path: Path
) -> None:
    project = prepared.copy(tmp_path / "project")
    # what was done for three days is there; the fourth is new
    write_day(project.folder / "data/raw", 3)
    full = project.copy(tmp_path / "full")
    for kept in ("prepare", "featurize"):
        for path in (full.folder / ".hostcast" / kept).iterdir():
            path.unlink()
    full.repro(*STAGES)
    expected = full.tree(*OUTPUTS)

    draw = random.Random(0)
    length = 4.0
    kills = 0
    while kills < KILLS:
        # every other time all that was kept is gone, so that there is more to do
        if kills % 2:
            for path in (project.folder / ".hostcast/prepare").iterdir():
                path.unlink()
        moment = draw.uniform(0.0, length)
        cut_short, lasted = killed(project, moment)
        kills += cut_short
        if not cut_short:
            # moments are drawn from the time that a run takes here and now
            length = lasted
    project.repro(*STAGES)
    assert project.tree(*OUTPUTS) == expected
    assert project.lock() == full.lock()


@pytest.mark.parametrize(
    "where",
    [
        "hostcast.telemetry.runs Run.write",
        "hostcast.telemetry.groups write_part",
        "hostcast.telemetry.preparation publish",
        "hostcast.telemetry.preparation write_index",
        "hostcast.parts.cache PartCache.keep_part",
        "hostcast.parts.cache PartCache.prune",
    ],
)
def test_prepare_killed_at_its_every_step_ends_in_the_bytes_of_a_full_run(
    where: str, prepared: Project, tmp_path: Path
) -> None:
    project = prepared.copy(tmp_path / "project")
    expected = project.tree(*OUTPUTS)
    for path in (project.folder / ".hostcast/prepare").iterdir():
        path.unlink()
    project.kill_at(where, "dvc", "repro", "--force", "prepare")
    project.repro(*STAGES)
    assert project.tree(*OUTPUTS) == expected

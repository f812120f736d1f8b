"""SIGKILL in the middle of a stage: the next `dvc repro` goes on and ends as if nothing had happened."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from project import Project
from test_pipeline_artifacts import pickled_files

HOOK = "hostcast.training.module ForecastModule."
MADE_BY_TRAIN = ("models/tft", "reports/train")


def assert_same_training(project: Project, finished: Project) -> None:
    """Weights, description, history, dvclive's files and metrics are those of an uninterrupted run."""
    expected = finished.tree(*MADE_BY_TRAIN)
    assert "models/tft/weights.safetensors" in expected
    assert "reports/train/history.csv" in expected
    assert any(name.startswith("reports/train/live/") for name in expected)
    assert project.tree(*MADE_BY_TRAIN) == expected
    assert project.lock()["train"] == finished.lock()["train"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        pytest.param("training_step 0 2", "training starts afresh", id="before the first epoch ended"),
        pytest.param("validation_step 2 0", "training resumes from epoch 3, step 8", id="in a validation"),
    ],
)
def test_a_pipeline_killed_while_it_trains_ends_with_the_weights_of_an_uninterrupted_one(
    where: str, said: str, split_done: Project, finished: Project, tmp_path: Path
) -> None:
    project = split_done.copy(tmp_path / "project")
    project.kill_at(HOOK + where, "dvc", "repro", "train")
    assert not (project.folder / "models/tft").exists()
    again = project.repro("train")
    assert again.ran == ["train"]
    assert said in again.text
    assert_same_training(project, finished)
    assert not list((project.folder / ".hostcast/train").iterdir())


def test_another_param_or_input_starts_afresh_and_the_way_back_resumes(
    split_done: Project, finished: Project, tmp_path: Path
) -> None:
    project = split_done.copy(tmp_path / "project")
    original = (project.folder / "params.yaml").read_bytes()
    project.kill_at(HOOK + "training_step 1 2", "dvc", "repro", "train")
    assert pickled_files(project.folder, ".hostcast") == []

    for change in ({"train.learning_rate": 0.02}, {"featurize.day_of_week": False}):
        project.set(change)
        said = project.kill_at(HOOK + "training_step 0 0", "dvc", "repro", "train")
        assert "training starts afresh" in said
        (project.folder / "params.yaml").write_bytes(original)

    again = project.repro("train")
    assert "training resumes from epoch 2, step 4" in again.text
    assert_same_training(project, finished)


def test_a_training_process_killed_alone_is_resumed_by_the_next_repro(
    split_done: Project, finished: Project, tmp_path: Path
) -> None:
    project = split_done.copy(tmp_path / "project")

    def a_point_is_saved() -> bool:
        return any((project.folder / ".hostcast/train").glob("*/point.json"))

    def kill_training(process: subprocess.Popen[bytes]) -> None:
        family = psutil.Process(process.pid).children(recursive=True)
        (training,) = [one for one in family if one.cmdline()[1:] == ["stages/train.py"]]
        os.kill(training.pid, signal.SIGKILL)

    said = project.kill_when(a_point_is_saved, kill_training, "dvc", "repro", "train")
    assert "failed to reproduce 'train'" in said
    again = project.repro("train")
    assert re.search(r"training resumes from epoch [23], step (4|8)\n", again.text)
    assert_same_training(project, finished)


def test_a_changed_stride_reruns_evaluate_alone_even_if_it_was_killed_on_the_way(
    finished: Project, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    project.set({"evaluate.stride": 12})
    said = project.kill_at("hostcast.evaluation evaluate", "dvc", "repro")
    assert "Stage 'train' didn't change, skipping" in said
    assert "Running stage 'evaluate'" in said
    assert not (project.folder / "reports/report.html").exists()

    assert project.repro().ran == ["evaluate"]
    assert project.tree(*MADE_BY_TRAIN) == finished.tree(*MADE_BY_TRAIN)
    assert project.repro().ran == []

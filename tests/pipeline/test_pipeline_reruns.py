"""DVC runs what has to run and nothing else, and what it runs again comes out the same."""

from __future__ import annotations

from pathlib import Path

from project import Project

REPEATABLE = ("prepare", "featurize", "split", "train", "evaluate")


def test_a_forced_run_repeats_every_byte(finished: Project, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    again = project.repro("--force", "evaluate")
    assert again.ran == list(REPEATABLE)
    expected, made = finished.lock(), project.lock()
    for stage in REPEATABLE:
        assert made[stage] == expected[stage], stage
    # git keeps the metrics, so dvc.lock holding equal hashes is not all there is to see
    assert project.git("status", "--porcelain") == ""


def test_a_second_run_and_one_with_other_machine_settings_run_nothing(
    finished: Project, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    assert project.repro().ran == []
    project.set(
        {
            "runtime.num_workers": 2,
            "runtime.pin_memory": False,
            "runtime.persistent_workers": False,
            "runtime.progress": False,
            "runtime.accelerator": "auto",
        }
    )
    outcome = project.repro()
    assert outcome.ran == []
    assert "is cached" not in outcome.text
    assert project.tree("dvc.lock") == finished.tree("dvc.lock")


def test_a_changed_train_param_reruns_training_and_what_follows(finished: Project, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    project.set({"train.learning_rate": 0.02, "train.epochs": 1})
    assert project.repro().ran == ["train", "evaluate"]
    assert project.lock()["benchmark"] == finished.lock()["benchmark"]


def test_a_changed_limit_of_drift_trains_nothing_anew(finished: Project, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    project.set({"drift.psi": 0.3})
    assert project.repro("evaluate").ran == ["evaluate"]
    report = "reports/evaluate/drift.json"
    assert project.tree(report) != finished.tree(report)

"""Which commit is measured, and whether it is what it says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hostcast.benchmark.commit import Commit, measured_commit


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    done = subprocess.run(["git", *who, "-C", folder, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one commit, in a folder of a larger repository."""
    project = tmp_path / "all" / "project"
    for name in ("src/hostcast/__init__.py", "stages/train.py", "params.yaml", "docs/page.md"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    git(tmp_path, "init", "-q", "all")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "one")
    return project


def commit_of(project: Path) -> Commit | None:
    return measured_commit(project / "src/hostcast")


def test_the_commit_is_the_one_that_is_checked_out(project: Path):
    assert commit_of(project) == Commit(git(project, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.parametrize("name", ["src/hostcast/__init__.py", "src/new.c", "stages/train.py", "params.yaml"])
def test_changed_and_new_code_and_params_make_it_dirty(project: Path, name: str):
    (project / name).write_text("changed")

    assert commit_of(project) == Commit(git(project, "rev-parse", "HEAD"), dirty=True)


@pytest.mark.parametrize("name", ["docs/page.md", "mine.json"])
def test_results_of_earlier_runs_do_not_make_it_dirty(project: Path, name: str):
    (project / name).write_text("changed")

    assert commit_of(project) == Commit(git(project, "rev-parse", "HEAD"), dirty=False)


def test_without_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "src/hostcast").mkdir(parents=True)

    assert commit_of(tmp_path) is None
    assert commit_of(tmp_path / "no such folder") is None


def test_a_repository_without_commits_has_none(tmp_path: Path):
    (tmp_path / "src/hostcast").mkdir(parents=True)
    (tmp_path / "src/hostcast/__init__.py").touch()
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")

    assert commit_of(tmp_path) is None


def test_a_package_that_is_installed_within_another_project_has_none(project: Path):
    installed = project / "src" / "venv" / "hostcast"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()

    assert measured_commit(installed) is None


def test_without_git_there_is_no_commit(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(project))

    assert commit_of(project) is None

"""One small project, made once: every test works on a copy or only looks at it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from project import Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here runs real pipelines."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def split_done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that is ready to train. Not to be changed: copy it."""
    project = Project.make(tmp_path_factory.mktemp("split_done") / "project")
    project.params_read.mkdir()
    project.repro("featurize", "split", TEST_PARAMS_READ=str(project.params_read))
    return project


@pytest.fixture(scope="session")
def finished(split_done: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose whole pipeline ran. Not to be changed: copy it."""
    project = split_done.copy(tmp_path_factory.mktemp("finished") / "project")
    shutil.copytree(split_done.params_read, project.params_read)
    outcome = project.repro(TEST_PARAMS_READ=str(project.params_read))
    assert outcome.ran == ["train", "evaluate", "benchmark"]
    project.commit()
    return project

"""The made-up history, as blocks and behind a running server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node_history import openmetrics
from prometheus_server import Prometheus, backfill


@pytest.fixture(scope="session")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks of the made-up history. Not to be changed: `server_of` copies them."""
    return backfill(openmetrics(), tmp_path_factory.mktemp("history"))


@pytest.fixture
def server_of(blocks: Path, tmp_path: Path) -> Callable[..., Prometheus]:
    """A server of the test's own over the history, not started yet."""

    def make(*options: str, web: str = "") -> Prometheus:
        shutil.copytree(blocks, tmp_path / "server" / "data")
        return Prometheus(tmp_path / "server", options, web=web)

    return make


@pytest.fixture(scope="session")
def url(blocks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the history that all tests share."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(blocks, folder / "data")
    with Prometheus(folder) as server:
        yield server.url


@pytest.fixture(scope="session", autouse=True)
def _without_a_proxy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "localhost")
        yield


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

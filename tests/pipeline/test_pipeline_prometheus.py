"""`dvc repro` over a real Prometheus: it pulls what lacks, once, and knows what its result depends on."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from project import Project

from faulty_proxy import Faulty, Request
from node_history import openmetrics
from prometheus_server import Prometheus, backfill

PREPARED = ("data/prepared", "reports/prepare")


@pytest.fixture(scope="module", autouse=True)
def _without_a_proxy() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "localhost")
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("history")
    blocks = backfill(openmetrics(), folder)
    shutil.copytree(blocks, folder / "server" / "data")
    with Prometheus(folder / "server") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "project")


def ask(project: Project, url: str, end: str) -> None:
    project.set(
        {
            "prepare.source": "prometheus",
            "prepare.prometheus.url": url,
            "prepare.prometheus.start": "2025-01-06",
            "prepare.prometheus.end": end,
            "runtime.prometheus.chunk_steps": 10,
            "runtime.prometheus.backoff": 0.01,
        }
    )


def test_repro_pulls_what_is_new_and_runs_again_if_and_only_if_something_changed(
    server: Prometheus, project: Project
) -> None:
    with Faulty(server.url) as proxy:
        ask(project, proxy.url, "2025-01-07")
        assert project.repro("prepare").ran == ["prepare"]
        day = len(proxy.seen)
        assert project.repro("prepare").ran == []

        ask(project, proxy.url, "2025-01-08")
        assert project.repro("prepare").ran == ["prepare"]
        assert day < len(proxy.seen) <= 2 * day + 8
        both, count = project.tree(*PREPARED), len(proxy.seen)
        assert project.repro("prepare").ran == []

        # a file that is gone, or another, is an input that changed
        files = sorted((project.folder / "data/pulled").rglob("*.parquet"))
        kept = project.tree("data/pulled")
        files[0].unlink()
        files[-1].write_bytes(b"spoilt")
        assert project.repro("prepare").ran == ["prepare"]
        assert len(proxy.seen) == count + 2
        assert project.tree("data/pulled") == kept
        assert project.tree(*PREPARED) == both
        assert project.repro("prepare").ran == []

        # the way back asks for nothing
        ask(project, proxy.url, "2025-01-07")
        assert project.repro("prepare").ran == ["prepare"]
        assert len(proxy.seen) == count + 2


def test_a_pull_killed_under_dvc_goes_on_with_the_next_repro(server: Prometheus, project: Project) -> None:
    reached, go_on = threading.Event(), threading.Event()
    with Faulty(server.url) as proxy:

        def hold(request: Request) -> None:
            if len(proxy.seen) >= 7 and not go_on.is_set():
                reached.set()
                go_on.wait(300)

        proxy.before = hold
        ask(project, proxy.url, "2025-01-08")
        project.kill_when(
            reached.is_set, lambda process: os.killpg(process.pid, signal.SIGKILL), "dvc", "repro", "prepare"
        )
        go_on.set()
        kept, count = project.tree("data/pulled"), len(proxy.seen)
        assert any(name.endswith(".parquet") for name in kept)
        assert project.repro("prepare").ran == ["prepare"]
        whole, asked_again = project.tree("data/pulled"), len(proxy.seen) - count
    parts = [name for name in whole if name.endswith(".parquet")]
    assert asked_again == len(parts) - len([name for name in kept if name.endswith(".parquet")])
    assert {name: whole[name] for name in kept if not name.endswith(".tmp")}.items() <= kept.items()


def test_a_mistake_ends_in_one_clear_message_and_credentials_stay_out_of_the_project(
    server: Prometheus, project: Project
) -> None:
    ask(project, server.url, "2025-01-07")
    project.set({"prepare.prometheus.selector": "job=node"})
    outcome = project.run("dvc", "repro", "prepare", HOSTCAST_PROMETHEUS_TOKEN="tok-5f1e7c")
    assert outcome.code != 0
    assert "refuses the query" in outcome.text and "What to do: correct prepare.prometheus" in outcome.text
    assert "Traceback" not in outcome.text and "tok-5f1e7c" not in outcome.text

    project.set({"prepare.prometheus.selector": 'job="node"'})
    assert project.repro("prepare", HOSTCAST_PROMETHEUS_TOKEN="tok-5f1e7c").ran == ["prepare"]
    for path in project.folder.rglob("*"):
        if path.is_file() and ".dvc/tmp" not in str(path):
            assert b"tok-5f1e7c" not in path.read_bytes(), path


def test_a_password_in_the_address_is_refused_and_not_repeated(project: Project) -> None:
    ask(project, "https://me:se/cr@et@monitoring.example", "2025-01-07")
    outcome = project.run("dvc", "repro", "prepare")
    assert "prepare.prometheus.url: must be a plain address" in outcome.text
    assert "//***@monitoring.example" in outcome.text
    assert "cr@et" not in outcome.text and "se/cr" not in outcome.text

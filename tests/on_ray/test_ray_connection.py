"""Which cluster the work goes to, and what is said when it can't."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ray_nodes import Nodes

from hostcast.errors import HostcastError
from hostcast.params import load_params, parse_params
from hostcast.parts import pool_of, ray_pool

REPOSITORY = Path(__file__).parents[2]


def test_a_task_that_kills_every_process_it_gets_ends_as_a_clear_error(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "RETRIES", 1)

    def work(task: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with (
        pool_of("ray", None, tmp_path) as pool,
        pytest.raises(HostcastError, match=r"lost a piece of work for good.*\n.*dvc repro"),
    ):
        list(pool.each_in_order(work, [1]))


def test_without_an_address_a_cluster_is_started_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with pool_of("ray", None, tmp_path) as pool:
        import ray

        assert list(pool.each_in_order(abs, [-1, -2])) == [1, 2]
        assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.2"]
        assert signal.getsignal(signal.SIGTERM) is before
    assert not ray.is_initialized()


def test_without_ray_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(HostcastError, match=r"Ray is not installed\n.*pip install -e '\.\[ray\]'"),
        pool_of("ray", None, tmp_path),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "no Ray cluster at 127.0.0.1:1"),
        ("ray://127.0.0.1:10001", "a machine of the cluster"),
        ("nowhere", "no Ray cluster at nowhere"),
    ],
)
def test_an_address_without_a_cluster_is_named(address: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(HostcastError, match=words), pool_of("ray", address, tmp_path):
        raise AssertionError


def test_a_cluster_that_asks_for_a_token_is_told_from_one_that_is_not_there(
    nodes: Nodes, tmp_path: Path
) -> None:
    # Ray keeps the token of its first connection for as long as a process lives
    code = (
        "import sys; from pathlib import Path; from hostcast.parts import pool_of\n"
        "from hostcast.errors import HostcastError\n"
        "try:\n"
        "    with pool_of('ray', None, Path(sys.argv[1])): pass\n"
        "except HostcastError as error: sys.exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "RAY_AUTH_TOKEN": "of-another-cluster", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"the Ray cluster at {nodes.address} asks for another token\n" in done.stderr
    assert "RAY_AUTH_TOKEN_PATH" in done.stderr


def test_an_engine_that_there_is_not_is_a_mistake_in_params() -> None:
    content = load_params(REPOSITORY / "params.yaml").model_dump()
    content["prepare"]["engine"] = "spark"
    with pytest.raises(HostcastError, match=r"prepare\.engine"):
        parse_params(content)

"""A real Ray cluster on loopback, whose nodes can be killed in the middle of their work."""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

# loopback; an address of 127.0.0.1 Ray takes for the machine's name on the network
NODE = {"num_cpus": 1, "object_store_memory": 100 << 20, "node_ip_address": "127.0.0.2"}


class Nodes:
    """A head and one more node, each a process of its own with one processor."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={**NODE, "include_dashboard": False},
            connect=False,
        )
        self.second: Any = None
        self.complete()

    @property
    def address(self) -> str:
        address: str = self.cluster.address
        return address

    def complete(self) -> None:
        """Have two nodes, as the second may have been killed."""
        if self.second is None:
            self.second = self.cluster.add_node(**NODE)

    @contextmanager
    def second_killed_at_work(self, ready: Callable[[int], bool]) -> Iterator[list[int]]:
        """Within the block, the second node gets a SIGKILL while it works on a task.

        Args:
            ready: whether now is the time, given the process at work, which is stopped meanwhile.

        Yields:
            Processes that were killed in the middle of a task.
        """
        killed: list[int] = []
        over = threading.Event()
        watcher = threading.Thread(target=self._kill_second, args=(ready, killed, over), daemon=True)
        watcher.start()
        try:
            yield killed
        finally:
            over.set()
            watcher.join()

    def _kill_second(self, ready: Callable[[int], bool], killed: list[int], over: threading.Event) -> None:
        head, second = _raylet(self.cluster.head_node), _raylet(self.second)
        held: list[psutil.Process] = []
        try:
            while not over.is_set() and not killed:
                # the head could otherwise have done everything before the second has begun
                if not held:
                    held += [process for process in _at_work(head) if _stopped_at_work(process, ready)]
                for process in _at_work(second):
                    if _stopped_at_work(process, ready):
                        everything = [second, *second.children(recursive=True)]
                        for each in everything:
                            with suppress(psutil.NoSuchProcess):
                                each.send_signal(signal.SIGKILL)
                        killed.append(process.pid)
                        self.second = None
                        break
                time.sleep(0.002)
        finally:
            for process in held:
                process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.cluster.shutdown()


def _raylet(node: Any) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def _at_work(raylet: psutil.Process) -> list[psutil.Process]:
    return [process for process in raylet.children() if _works(process)]


def _works(process: psutil.Process) -> bool:
    """Ray names its processes by what they do."""
    try:
        return "hostcast_work" in process.cmdline()[0]
    except (psutil.Error, IndexError):
        return False


def _stopped_at_work(process: psutil.Process, ready: Callable[[int], bool]) -> bool:
    process.send_signal(signal.SIGSTOP)
    if _works(process) and ready(process.pid):
        return True
    process.send_signal(signal.SIGCONT)
    return False


@pytest.fixture(scope="session", autouse=True)
def _surroundings() -> Iterator[None]:
    """Nothing of a cluster stays: neither its token at home nor its logs."""
    # sockets lie there, and their paths must be short
    folder = tempfile.mkdtemp(prefix="ray-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex())
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def running(_surroundings: None) -> Iterator[Nodes]:
    nodes = Nodes()
    try:
        yield nodes
    finally:
        nodes.close()


@pytest.fixture
def nodes(running: Nodes, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """Two nodes, where $RAY_ADDRESS points."""
    running.complete()
    monkeypatch.setenv("RAY_ADDRESS", running.address)
    return running

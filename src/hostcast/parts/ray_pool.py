"""Work on all machines of a Ray cluster.

What the work reads and writes are files that all machines see. Through Ray go only tasks and results: paths,
names, counts. A task whose machine dies is done again on another one.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import hostcast
from hostcast.errors import HostcastError
from hostcast.parts.pool import workers
from hostcast.parts.ray_worker import Home, Outcome

__all__ = ["RayPool", "ray_pool"]

log = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")

ADDRESS = "RAY_ADDRESS"
# machines that may die under one task
RETRIES = 8
# tasks under way for each processor: one is done, the others wait for it there
AHEAD = 3
# seconds without a result before someone looks whether any can come
PATIENCE = 30.0
# tasks and results are small, and Ray sets a third of the memory aside
OBJECT_STORE_BYTES = 256 << 20


class RayPool:
    """All processors of a cluster.

    Args:
        ray: the package, connected to the cluster.
        home: where the work's files are.
    """

    shares_memory = False

    def __init__(self, ray: Any, home: Home) -> None:
        self._ray = ray
        self._home = home
        self._call = ray.remote(num_cpus=1, max_retries=RETRIES)(_call_from(_sources()))

    def each_in_order(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See `Pool`."""
        common = self._ray.put((self._home, work))
        waiting: deque[Any] = deque()
        try:
            for task in tasks:
                # in a list Ray hands over references: what they stand for needs hostcast, to be found first
                waiting.append(self._call.remote([common, self._ray.put(task)]))
                if len(waiting) > AHEAD * max(self._processors(), 1):
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for reference in waiting:
                self._ray.cancel(reference)

    def _processors(self) -> int:
        """At the moment: machines come and go."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    def _result(self, reference: Any) -> Any:
        while not self._ray.wait([reference], timeout=PATIENCE)[0]:
            if not self._processors():
                log.warning("the Ray cluster has no processor: waiting for a machine to join it")
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:
            raise  # a mistake in the work itself, with its traceback
        except self._ray.exceptions.RayError as error:
            raise HostcastError(
                f"the Ray cluster lost a piece of work for good: {_first_line(error)}",
                remedy="see that its machines stay up and have memory enough, and run `dvc repro` again: "
                "what is finished is not done again",
            ) from None
        for name, level, text in outcome.messages:
            logging.getLogger(name).log(level, "%s", text)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value


@contextmanager
def ray_pool(address: str | None, place: Path) -> Iterator[RayPool]:
    """Connect to a cluster, or start one on this machine alone that ends with the block.

    Args:
        address: of an existing cluster; None = $RAY_ADDRESS, and without that a cluster of one's own.
        place: folder of this run alone, on the disk that the work is done on.

    Raises:
        HostcastError: Ray is not installed, or there is no such cluster.
    """
    ray = _imported()
    joined = not ray.is_initialized()
    if joined:
        _connect(ray, address or os.environ.get(ADDRESS) or "local")
    try:
        yield RayPool(ray, Home.made_in(place))
    finally:
        if joined:
            ray.shutdown()


def _imported() -> Any:
    # Ray reads them when it is imported
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # by default it tries for a quarter of an hour where nobody answers
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
    try:
        import ray
    except ImportError:
        raise HostcastError(
            "prepare.engine is ray, and Ray is not installed",
            remedy="install it (pip install -e '.[ray]') here and on every machine of the cluster, "
            "or set prepare.engine: local",
        ) from None
    return ray


def _connect(ray: Any, address: str) -> None:
    if "://" in address:
        raise HostcastError(
            f"{address} is the address of a Ray client's server, and files would be missing there",
            remedy="run on a machine of the cluster, with its address as host:port, or auto",
        )
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
    if address == "local":
        options |= {
            "num_cpus": workers(),
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
        if sys.platform == "linux":
            # nobody else is to reach it; 127.0.0.1 Ray takes for the machine's address on the network
            options["_node_ip_address"] = "127.0.0.2"
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        if address not in ("local", "auto"):
            _knock(address)
        ray.init(address, **options)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        ray.shutdown()
        # Ray tells of it at the far end of a chain of errors
        if "AuthenticationError" in "".join(traceback.format_exception(error)):
            raise HostcastError(
                f"the Ray cluster at {address} asks for another token",
                remedy="set RAY_AUTH_MODE=token, and put the cluster's token into ~/.ray/auth_token or where "
                "RAY_AUTH_TOKEN_PATH says (docs/ray.md)",
            ) from None
        raise HostcastError(
            f"there is no Ray cluster at {address}: {_first_line(error)}",
            remedy=f"start one (docs/ray.md), correct runtime.ray_address or ${ADDRESS}, "
            "or leave both empty for one on this machine alone",
        ) from None
    finally:
        # Ray puts its own in the place of the stage's
        if main:
            signal.signal(signal.SIGTERM, before)


def _knock(address: str) -> None:
    """See that somebody answers: Ray would wait for a long time."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address is host:port")
    socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


def _sources() -> list[str]:
    """Where Python finds hostcast."""
    return [str(Path(str(hostcast.__file__)).resolve().parents[1])]


def _call_from(sources: list[str]) -> Callable[[list[Any]], Outcome]:
    """What a machine of the cluster runs; being no module's, it comes there whole and needs no hostcast."""

    def hostcast_work(references: list[Any]) -> Outcome:
        sys.path[:0] = [path for path in sources if path not in sys.path]
        from hostcast.parts.ray_worker import carried_out

        return carried_out(*references)

    return hostcast_work


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""Work on all cores, or on many machines, with results in the order in which it was given."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeVar

__all__ = ["Pool", "Threads", "each_in_order", "pool_of", "workers"]

Task = TypeVar("Task")
Result = TypeVar("Result")


class Pool(Protocol):
    """Who does the work.

    Attributes:
        shares_memory: whether results may hold what is large.
    """

    @property
    def shares_memory(self) -> bool: ...

    def each_in_order(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results of `work` for each task, in the tasks' order, a few tasks ahead of who takes them.

        The first task that fails, in the tasks' order, is the one whose error is raised, so that messages
        don't depend on who does the work either.

        Args:
            work: may be done twice for one task, and by another process: what it leaves is in its result
                and in files, whole or not at all.
            tasks: what to do.
        """
        ...


class Threads:
    """All cores of this machine."""

    shares_memory = True

    def each_in_order(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """See `Pool`."""
        return each_in_order(work, tasks)


@contextmanager
def pool_of(engine: Literal["local", "ray"], address: str | None, place: Path) -> Iterator[Pool]:
    """The pool that the params ask for.

    Args:
        engine: `prepare.engine`.
        address: `runtime.ray_address`.
        place: folder of this run alone, on the disk that the work is done on.

    Raises:
        HostcastError: there is no Ray, or no such cluster.
    """
    if engine == "local":
        yield Threads()
        return
    from hostcast.parts.ray_pool import ray_pool

    with ray_pool(address, place) as pool:
        yield pool


def workers() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each_in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, threads: int | None = None
) -> Iterator[Result]:
    """`Pool.each_in_order` on this machine.

    Threads are enough: NumPy and Arrow compute without Python's lock.
    """
    count = threads or workers()
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                # one more than there are threads, so that none waits for the taker
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

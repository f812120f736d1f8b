"""Work on all cores, with results in the order in which it was given."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["each_in_order", "workers"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def workers() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each_in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, threads: int | None = None
) -> Iterator[Result]:
    """Results of `work` for each task, in the tasks' order, a few tasks ahead of who takes them.

    Threads are enough: NumPy and Arrow compute without Python's lock. The first task that fails, in the
    tasks' order, is the one whose error is raised, so that messages don't depend on the cores either.
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

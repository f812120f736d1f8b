"""The compiled kernels, and running them on all cores."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import torch

from hostcast.native.compile import compile_sources

__all__ = ["Kernels", "load_kernels", "run_chunks"]

log = logging.getLogger(__name__)

Kernels = ctypes.CDLL


@functools.cache
def load_kernels() -> Kernels | None:
    """The library of all C files of this folder; None where it can't be had, or $HOSTCAST_NATIVE is 0."""
    if os.environ.get("HOSTCAST_NATIVE") == "0":
        log.info("$HOSTCAST_NATIVE is 0: computing on the CPU with torch alone, which is slower")
        return None
    kernels = _loaded(sorted(Path(__file__).parent.glob("*.c")))
    if kernels is not None:
        _keep_memory()
    return kernels


def _loaded(sources: list[Path]) -> Kernels | None:
    library = compile_sources(sources)
    if library is None:
        return None
    try:
        return ctypes.CDLL(str(library))
    except OSError as problem:
        if not library.exists():
            # removed by a process that took it for one that nobody uses; the next one is new
            return _loaded(sources)
        # nothing may be executed from where the cache is
        log.warning(
            "the kernels can't be loaded, computing with torch alone, which is slower "
            "($HOSTCAST_CACHE_DIR may name another folder to keep them in): %s",
            problem,
        )
        return None


def _keep_memory() -> None:
    """Ask glibc to keep freed memory for the next step instead of handing it back to the system.

    Each step asks for the same large tensors; fetching their pages anew costs a tenth of its time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    trim_threshold, mmap_max = -1, -4
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")


def run_chunks(task: Callable[[int, int, int], object], items: int, chunks: int) -> None:
    """Call task(chunk, first, last) for `chunks` even pieces of range(items), on torch's number of threads.

    The pieces depend on `items` and `chunks` alone, so what each computes is the same on any number of
    threads. ctypes lets go of the interpreter lock while a kernel runs.
    """
    edges = [items * chunk // chunks for chunk in range(chunks + 1)]
    threads = min(torch.get_num_threads(), chunks)
    if threads <= 1:
        for chunk in range(chunks):
            task(chunk, edges[chunk], edges[chunk + 1])
        return

    def share(thread: int) -> None:
        for chunk in range(thread, chunks, threads):
            task(chunk, edges[chunk], edges[chunk + 1])

    others = [_pool(threads - 1).submit(share, thread) for thread in range(1, threads)]
    try:
        share(0)
    finally:
        # they write to memory that the caller's error would free
        wait(others)
    for other in others:
        other.result()

"""Calling a kernel on all cores."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from torch import Tensor

from hostcast.native.library import run_chunks

__all__ = ["CHUNKS", "LONG", "REAL", "pointer", "run_kernel"]

# a fixed number of pieces: what is computed, and in which order it is summed, must not depend on the threads
CHUNKS = 8

REAL = ctypes.c_float
LONG = ctypes.c_int64


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    """A contiguous tensor's memory; null for None."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def run_kernel(task: Callable[[int, int, int], int], items: int) -> None:
    """Call task(chunk, first, last) for each of `CHUNKS` pieces of range(items).

    Raises:
        MemoryError: a task returned 0.
    """

    def checked(chunk: int, first: int, last: int) -> None:
        if first < last and not task(chunk, first, last):
            raise MemoryError("a kernel found no memory for its working space")

    run_chunks(checked, items, CHUNKS)

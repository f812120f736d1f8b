"""Which allocator Arrow uses while tables are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

__all__ = ["system_memory"]


@contextmanager
def system_memory() -> Iterator[None]:
    """Let Arrow take its memory from the system's allocator.

    Arrow's own takes memory in large pieces, of which each is filled with zeros first: for a process that
    ends with its stage that is a tenth of the time.
    """
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)

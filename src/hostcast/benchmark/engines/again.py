"""Batches that are there already, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hostcast.engines import Engine
from hostcast.windows import Batch

__all__ = ["Again", "Loaded"]


class Again:
    """A loader of batches that are there already, in turn; Lightning takes a list for a list of loaders.

    Args:
        batches: what to yield.
        length: how often.
    """

    def __init__(self, batches: list[Any], length: int) -> None:
        self._batches = batches
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        for place in range(self._length):
            yield self._batches[place % len(self._batches)]


class Loaded:
    """An engine whose loader yields places in a list of batches.

    Args:
        engine: does everything else.
        batches: unpacked beforehand.
    """

    def __init__(self, engine: Engine, batches: list[Batch]) -> None:
        self._engine = engine
        self._batches = batches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def unpack(self, raw: int, spec: object) -> Batch:
        """See `Engine.unpack`."""
        return self._batches[raw]

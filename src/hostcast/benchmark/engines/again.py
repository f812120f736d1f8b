"""The same batches again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["Again"]


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

"""Sets of whole numbers as sorted spans [first, last], which add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Span", "joined", "shared", "spans_of"]

Span = tuple[int, int]


def spans_of(numbers: npt.NDArray[np.int64], apart: int) -> list[Span]:
    """Spans that hold the sorted numbers; those at most `apart` from each other share one."""
    if not len(numbers):
        return []
    breaks = np.flatnonzero(np.diff(numbers) > apart)
    first = numbers[np.append(0, breaks + 1)]
    last = numbers[np.append(breaks, len(numbers) - 1)]
    return list(zip(first.tolist(), last.tolist(), strict=True))


def joined(spans: Iterable[Span], apart: int) -> list[Span]:
    """The union, sorted; spans at most `apart` from each other become one."""
    union: list[Span] = []
    for first, last in sorted(spans):
        if union and first - union[-1][1] <= apart:
            union[-1] = (union[-1][0], max(union[-1][1], last))
        else:
            union.append((first, last))
    return union


def shared(spans: Sequence[Span], others: Sequence[Span]) -> int:
    """How many numbers lie in both unions."""
    count = place = 0
    for first, last in spans:
        while place < len(others) and others[place][1] < first:
            place += 1
        at = place
        while at < len(others) and others[at][0] <= last:
            count += min(last, others[at][1]) - max(first, others[at][0]) + 1
            at += 1
    return count

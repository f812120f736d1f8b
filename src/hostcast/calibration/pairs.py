"""Levels that belong together: the two ends of each central interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MEDIAN", "Pair", "pairs_of"]

MEDIAN = 0.5
_SLACK = 1e-9


@dataclass(frozen=True)
class Pair:
    """The two ends of a central interval.

    Attributes:
        low, high: places of its levels among all levels.
        nominal: the share of values that it should hold.
    """

    low: int
    high: int
    nominal: float


def pairs_of(levels: Sequence[float]) -> list[Pair]:
    """The symmetric pairs of levels, the narrowest first; a level without its counterpart is in none.

    Args:
        levels: rising.
    """
    pairs = [
        Pair(low, high, round(levels[high] - levels[low], 9))
        for low in range(len(levels))
        for high in range(low + 1, len(levels))
        if abs(levels[low] + levels[high] - 1.0) < _SLACK
    ]
    return sorted(pairs, key=lambda pair: pair.nominal)

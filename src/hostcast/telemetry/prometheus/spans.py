"""Ranges of steps: what is asked for, what is there, what lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

__all__ = ["Span", "gaps", "pieces", "span_between"]


@dataclass(frozen=True, order=True)
class Span:
    """Steps first, first + 1, ..., stop - 1, counted from 1970."""

    first: int
    stop: int

    @property
    def steps(self) -> int:
        """How many."""
        return self.stop - self.first


def span_between(start: str, end: str, step_ms: int) -> Span:
    """The whole steps within [start, end)."""
    low, high = (pd.Timestamp(text).as_unit("ms").value // 10**6 for text in (start, end))
    return Span(-(-low // step_ms), high // step_ms)


def gaps(span: Span, present: Iterable[Span]) -> list[Span]:
    """What of `span` lies in none of `present`, in order."""
    lacking = []
    reached = span.first
    for other in sorted(present):
        if other.first > reached:
            lacking.append(Span(reached, min(other.first, span.stop)))
        reached = max(reached, other.stop)
        if reached >= span.stop:
            break
    if reached < span.stop:
        lacking.append(Span(reached, span.stop))
    return [gap for gap in lacking if gap.steps > 0]


def pieces(span: Span, length: int) -> list[Span]:
    """Cut at the multiples of `length`: the same cuts wherever the span begins and ends."""
    cuts = [span.first, *range((span.first // length + 1) * length, span.stop, length), span.stop]
    return [Span(first, stop) for first, stop in pairwise(cuts)]

"""Median and range of repeated measurements."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from hostcast.params import BenchmarkParams

__all__ = ["Spread", "repeats_of", "spread_of"]


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the repeats."""

    median: float
    low: float
    high: float


def spread_of(values: pd.Series) -> Spread:
    """Median and range."""
    return Spread(float(values.median()), float(values.min()), float(values.max()))


def repeats_of(settings: BenchmarkParams) -> int:
    """How often each is measured."""
    if settings.engine_repeats == "auto":
        return 5 if settings.suite == "full" else 3
    return settings.engine_repeats

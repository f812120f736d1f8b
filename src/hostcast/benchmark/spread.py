"""Median and range of repeated measurements."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

__all__ = ["Spread", "spread_of"]


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the repeats."""

    median: float
    low: float
    high: float


def spread_of(values: pd.Series) -> Spread:
    """Median and range."""
    return Spread(float(values.median()), float(values.min()), float(values.max()))

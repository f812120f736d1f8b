"""One metric of one file: numbers in hostcast's units, or a counter's readings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.telemetry.place import Place
from hostcast.telemetry.values import Wide, metric_values, single
from hostcast.telemetry.wanted import Wanted, total_of

__all__ = ["Metric", "metric_of"]


@dataclass(frozen=True)
class Metric:
    """A metric's values.

    Attributes:
        values: float32, NaN = missing, infinite = as read, (rows,); NaN throughout for a counter.
        readings: a counter's, float64, (rows,); empty for other metrics. Counters outgrow float32,
            which can't tell 100,000,001 bytes from 100,000,002.
        missing: how often each kind of missing value was met.
        commas: numbers written with a comma.
    """

    values: npt.NDArray[np.float32]
    readings: npt.NDArray[np.float64]
    missing: Counter[str]
    commas: int


def metric_of(
    name: str,
    columns: Mapping[str, Any],
    place: Mapping[str, Place],
    wanted: Wanted,
    chosen: Mapping[str, str],
) -> Metric:
    """Read a metric, take sentinels out and bring it to its unit.

    Raises:
        HostcastError: a value is no number.
    """
    column = metric_values(columns[name], place[name], wanted.decimal)
    numbers, missing = column.numbers, column.missing
    if name not in chosen and missing:
        missing = Counter({"no such column": missing.total()})
    narrow = single(numbers)
    meant = _sentinels(narrow, wanted.sentinels)
    if meant.any():
        missing["sentinel"] += int(meant.sum())
        narrow[meant] = np.nan
    if name not in wanted.counters and name not in wanted.fractions and name not in wanted.totals:
        return Metric(narrow, np.empty(0), missing, column.commas)

    wide = numbers.astype(np.float64)
    wide[meant] = np.nan
    if name in wanted.fractions:
        wide *= 100
    elif name in wanted.totals:
        total = metric_values(columns[total_of(name)], place[total_of(name)], wanted.decimal).numbers
        wide, without = _share(wide, total)
        missing["no total"] += without
        if name in wanted.free:
            wide = 100 - wide
    if name in wanted.counters:
        return Metric(np.full(len(wide), np.nan, np.float32), wide, +missing, column.commas)
    return Metric(single(wide), np.empty(0), +missing, column.commas)


def _sentinels(values: npt.NDArray[np.float32], sentinels: tuple[float, ...]) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(values), np.bool_)
    for sentinel in sentinels:
        found |= values == np.float32(sentinel)
    return found


def _share(values: npt.NDArray[np.float64], total: Wide) -> tuple[npt.NDArray[np.float64], int]:
    """Values as % of their totals, and how many have none."""
    usable = np.isfinite(total) & (total > 0)
    without = ~usable & ~np.isnan(values)
    share = np.full(len(values), np.nan)
    np.divide(values * 100, total, out=share, where=usable)
    return share, int(without.sum())

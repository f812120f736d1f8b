"""The regular grid that a fleet is simulated on, seen as hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hostcast.errors import HostcastError

__all__ = ["Clock", "Floats", "make_clock"]

Floats = NDArray[np.float64]

_HOUR = 3_600_000_000  # microseconds
_FIRST_MONDAY = 4 * 24 * _HOUR  # 1970-01-05
_SHORTEST = pd.Timedelta(seconds=30)
_LONGEST = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Clock:
    """Time, (steps,), as every part of the simulation reads it.

    Attributes:
        timestamps: datetime64[us, UTC].
        elapsed: hours since the first step.
        hour_of_day: 0 <= h < 24, UTC.
        hour_of_week: 0 <= h < 168, 0 = Monday 00:00 UTC.
        step_hours: length of one step in hours.
    """

    timestamps: pd.DatetimeIndex
    elapsed: Floats
    hour_of_day: Floats
    hour_of_week: Floats
    step_hours: float

    def __len__(self) -> int:
        return len(self.elapsed)


def make_clock(start: str, *, days: int, step: pd.Timedelta) -> Clock:
    """The grid of `days` days from `start` (UTC unless it names a zone).

    Raises:
        HostcastError: `step` is shorter than 30 s or longer than 1 h.
    """
    if not _SHORTEST <= step <= _LONGEST:
        raise HostcastError(
            f"base.freq: the fleet can't be simulated in steps of {_in_words(step)}",
            file="params.yaml",
            remedy="set base.freq to 30s ... 1h, or prepare.source to files",
        )
    first = pd.Timestamp(start)
    first = first.tz_localize("UTC") if first.tz is None else first.tz_convert("UTC")
    step_us = round(step.total_seconds() * 1e6)
    count = days * 24 * _HOUR // step_us
    since_start = np.arange(count, dtype=np.int64) * step_us
    instants = round(first.timestamp() * 1e6) + since_start
    return Clock(
        timestamps=pd.DatetimeIndex(instants.astype("datetime64[us]")).tz_localize("UTC"),
        elapsed=since_start / _HOUR,
        hour_of_day=instants % (24 * _HOUR) / _HOUR,
        hour_of_week=(instants - _FIRST_MONDAY) % (168 * _HOUR) / _HOUR,
        step_hours=step_us / _HOUR,
    )


def _in_words(length: pd.Timedelta) -> str:
    seconds = length.total_seconds()
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"

"""Time of day and time of week as points on a circle: known as far ahead as one likes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.features.roles import Column
from hostcast.features.rows import Columns, ServerRows
from hostcast.params import FeaturizeParams

__all__ = ["calendar_columns", "calendar_features", "calendar_of"]

_DAY = 24 * 3_600_000_000  # microseconds
_WEEK = 7 * _DAY
_FIRST_MONDAY = 4 * _DAY  # 1970-01-05


def calendar_features(
    timestamps: pd.DatetimeIndex | pd.Series[pd.Timestamp], featurize: FeaturizeParams
) -> pd.DataFrame:
    """Sine and cosine of the time of day and of the time of week, in UTC.

    Both run continuously (Wednesday noon lies halfway between Wednesday's and Thursday's midnight), and
    neither has a seam.

    Args:
        timestamps: instants with a time zone; past or future ones alike.
        featurize: which of the two to make.

    Returns:
        Columns time_of_day_sin, time_of_day_cos, day_of_week_sin, day_of_week_cos (float32), as far as asked
        for; one row per timestamp, numbered from 0.

    Raises:
        ValueError: the timestamps name no time zone.
    """
    index = pd.DatetimeIndex(timestamps)
    if index.tz is None:
        raise ValueError("the timestamps name no time zone")
    instants = index.tz_convert("UTC").as_unit("us").asi8
    return pd.DataFrame(_at(instants, featurize), index=pd.RangeIndex(len(index)))


def calendar_of(rows: ServerRows, featurize: FeaturizeParams) -> Columns:
    """The same for each step of servers, which share their times."""
    low = min(rows.first)
    places = [(first - low) // rows.step for first in rows.first]
    spans = [(place, place + count) for place, count in zip(places, rows.counts, strict=True)]
    # far fewer times than rows, unless servers hardly overlap
    times = max(high for _, high in spans)
    if times > 2 * rows.rows:
        instants = np.concatenate(
            [first + np.arange(n) * rows.step for first, n in zip(rows.first, rows.counts, strict=True)]
        )
        return _at(instants, featurize)
    made = _at(low + np.arange(times, dtype=np.int64) * rows.step, featurize)
    return {
        name: np.concatenate([values[begin:end] for begin, end in spans]) for name, values in made.items()
    }


def _at(instants: npt.NDArray[np.int64], featurize: FeaturizeParams) -> Columns:
    columns: Columns = {}
    for name, wanted, offset, period in (
        ("time_of_day", featurize.time_of_day, 0, _DAY),
        ("day_of_week", featurize.day_of_week, _FIRST_MONDAY, _WEEK),
    ):
        if wanted:
            # whole microseconds first: an angle of many thousand turns would lose digits
            angle = 2 * np.pi * (((instants - offset) % period) / period)
            columns[f"{name}_sin"] = np.sin(angle).astype(np.float32)
            columns[f"{name}_cos"] = np.cos(angle).astype(np.float32)
    return columns


def calendar_columns(featurize: FeaturizeParams, *, time: str) -> list[tuple[str, Column]]:
    """Names and roles of `calendar_features`."""
    role = Column(role="known", kind="real", made_by="calendar", sources=(time,))
    wanted = {"time_of_day": featurize.time_of_day, "day_of_week": featurize.day_of_week}
    return [(f"{name}_{part}", role) for name in wanted if wanted[name] for part in ("sin", "cos")]

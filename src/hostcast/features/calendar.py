"""Time of day and time of week as points on a circle: known as far ahead as one likes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hostcast.features.roles import Column
from hostcast.params import FeaturizeParams

__all__ = ["calendar_columns", "calendar_features"]

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
    columns: dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]] = {}
    for name, wanted, offset, period in (
        ("time_of_day", featurize.time_of_day, 0, _DAY),
        ("day_of_week", featurize.day_of_week, _FIRST_MONDAY, _WEEK),
    ):
        if wanted:
            # whole microseconds first: an angle of many thousand turns would lose digits
            angle = 2 * np.pi * (((instants - offset) % period) / period)
            columns[f"{name}_sin"] = np.sin(angle).astype(np.float32)
            columns[f"{name}_cos"] = np.cos(angle).astype(np.float32)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(index)))


def calendar_columns(featurize: FeaturizeParams, *, time: str) -> list[tuple[str, Column]]:
    """Names and roles of `calendar_features`."""
    role = Column(role="known", kind="real", made_by="calendar", sources=(time,))
    wanted = {"time_of_day": featurize.time_of_day, "day_of_week": featurize.day_of_week}
    return [(f"{name}_{part}", role) for name in wanted if wanted[name] for part in ("sin", "cos")]

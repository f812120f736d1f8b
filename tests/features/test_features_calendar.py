from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from features_data import params_with

from hostcast.features import calendar_features

BOTH = params_with(time_of_day=True, day_of_week=True).featurize


def at(*times: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([pd.Timestamp(time, tz="UTC") for time in times])


def test_midnight_is_where_the_day_begins_and_six_in_the_morning_a_quarter_later() -> None:
    made = calendar_features(at("2025-01-06 00:00", "2025-01-06 06:00"), BOTH)
    np.testing.assert_allclose(made["time_of_day_sin"], [0, 1], atol=1e-7)
    np.testing.assert_allclose(made["time_of_day_cos"], [1, 0], atol=1e-7)


def test_the_week_begins_on_monday_at_midnight() -> None:
    made = calendar_features(at("2025-01-06 00:00"), BOTH)
    np.testing.assert_allclose(made[["day_of_week_sin", "day_of_week_cos"]], [[0, 1]], atol=1e-7)


def test_the_time_of_week_runs_on_within_a_day() -> None:
    made = calendar_features(at("2025-01-08 00:00", "2025-01-08 12:00", "2025-01-09 00:00"), BOTH)
    angle = np.arctan2(made["day_of_week_sin"], made["day_of_week_cos"])
    assert np.mod(angle[1] - angle[0], 2 * np.pi) == pytest.approx(np.pi / 7, abs=1e-6)
    assert np.mod(angle[2] - angle[1], 2 * np.pi) == pytest.approx(np.pi / 7, abs=1e-6)


def test_the_same_instant_has_the_same_features_in_every_time_zone() -> None:
    utc = at("2025-01-08 23:30", "2025-07-08 23:30")
    pd.testing.assert_frame_equal(
        calendar_features(utc, BOTH), calendar_features(utc.tz_convert("Asia/Kolkata"), BOTH)
    )


def test_a_series_and_an_index_of_the_same_times_give_the_same_rows() -> None:
    times = at("2031-05-01 07:05", "1969-12-31 23:55")
    series = pd.Series(times, index=[7, 3])
    pd.testing.assert_frame_equal(calendar_features(series, BOTH), calendar_features(times, BOTH))


def test_only_what_is_asked_for_is_made() -> None:
    assert list(calendar_features(at("2025-01-06"), params_with(day_of_week=True).featurize)) == [
        "day_of_week_sin",
        "day_of_week_cos",
    ]
    assert calendar_features(at("2025-01-06"), params_with().featurize).shape == (1, 0)


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        calendar_features(pd.DatetimeIndex(["2025-01-06"]), BOTH)

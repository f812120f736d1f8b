"""Baselines: right by hand, honest about the future, robust to gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as fuzz
from hypothesis import strategies as st

from hostcast.errors import HostcastError
from hostcast.evaluation import last_value, seasonal_naive

HOUR = pd.Timedelta(1, unit="h")


def _frame(values: list[float], name: str = "a") -> pd.DataFrame:
    times = pd.date_range("2025-01-01", periods=len(values), freq="1h", tz="UTC").as_unit("us")
    return pd.DataFrame({"server": name, "timestamp": times, "x": np.array(values, dtype="float32")})


def _asked(horizon: int, ranges: Any = None) -> dict[str, Any]:
    return {
        "targets": ["x"],
        "horizon": horizon,
        "step": HOUR,
        "levels": [0.1, 0.5, 0.9],
        "ranges": ranges or {},
        "recent": 500,
    }


def _both(telemetry: pd.DataFrame, cutoffs: pd.DataFrame, starts: Any, asked: Any, season: int = 24) -> Any:
    yield last_value(telemetry, cutoffs, starts, **asked)
    yield seasonal_naive(telemetry, cutoffs, starts, season=season, **asked)


def _one_cutoff(telemetry: pd.DataFrame, row: int) -> tuple[pd.DataFrame, dict[str, pd.Timestamp]]:
    times = telemetry["timestamp"]
    return pd.DataFrame({"server": ["a"], "cutoff": [times[row]]}), {"a": times[row + 1]}


def test_the_last_value_is_carried_and_spread_by_the_quantiles_of_its_own_errors() -> None:
    values = np.random.default_rng(1).normal(0, 1, 400).cumsum()
    telemetry = _frame(values.tolist())
    cutoffs, starts = _one_cutoff(telemetry, 299)
    result = last_value(telemetry, cutoffs, starts, **_asked(3))
    known = telemetry["x"].to_numpy("float64")[:300]
    for ahead in (1, 2, 3):
        errors = known[ahead:] - known[:-ahead]
        expected = known[-1] + np.quantile(errors, [0.1, 0.5, 0.9])
        row = result.iloc[ahead - 1]
        assert row["timestamp"] == cutoffs["cutoff"][0] + ahead * HOUR
        np.testing.assert_allclose(row[["q0.1", "q0.5", "q0.9"]].to_numpy("float64"), expected)


def test_a_perfect_cycle_is_repeated_exactly_beyond_one_season_too() -> None:
    telemetry = _frame([float(i % 5) for i in range(300)])
    cutoffs, starts = _one_cutoff(telemetry, 250)
    result = seasonal_naive(telemetry, cutoffs, starts, season=5, **_asked(12))
    expected = telemetry["x"][251:263].to_numpy("float64")
    for name in ("q0.1", "q0.5", "q0.9"):
        np.testing.assert_allclose(result[name], expected)


def test_a_value_missing_one_season_ago_gives_way_to_the_last_observed_one() -> None:
    values = [7.0] * 300
    values[226] = np.nan
    values[250] = np.nan
    values[249] = 9.0
    telemetry = _frame(values)
    cutoffs, starts = _one_cutoff(telemetry, 250)
    result = seasonal_naive(telemetry, cutoffs, starts, season=25, **_asked(2))
    assert result["q0.5"].to_list() == [9.0, 7.0]


@fuzz(max_examples=25, deadline=None)
@given(row=st.integers(120, 280), noise=st.integers(0, 2**32 - 1), gaps=st.booleans())
def test_nothing_after_the_cutoff_changes_a_forecast(row: int, noise: int, gaps: bool) -> None:
    values = np.random.default_rng(2).normal(50, 10, 300)
    telemetry = _frame(values.tolist())
    cutoffs, starts = _one_cutoff(telemetry, row)
    changed = telemetry.copy()
    future = np.random.default_rng(noise).normal(0, 1e3, 300 - row - 1)
    changed.loc[row + 1 :, "x"] = np.nan if gaps else future.astype("float32")
    asked = _asked(8)
    for before, after in zip(
        _both(telemetry, cutoffs, starts, asked), _both(changed, cutoffs, starts, asked), strict=True
    ):
        pd.testing.assert_frame_equal(before, after)


def test_errors_stop_at_the_first_cutoff_even_if_the_test_span_begins_later() -> None:
    telemetry = _frame(np.random.default_rng(2).normal(50, 10, 300).tolist())
    cutoffs, _ = _one_cutoff(telemetry, 200)
    starts = {"a": telemetry["timestamp"][280]}
    changed = telemetry.copy()
    changed.loc[201:, "x"] = 1e6
    for before, after in zip(
        _both(telemetry, cutoffs, starts, _asked(4)), _both(changed, cutoffs, starts, _asked(4)), strict=True
    ):
        pd.testing.assert_frame_equal(before, after)


def test_forecasts_stay_in_range_in_order_and_finite_over_gaps(
    make_telemetry: Callable[..., pd.DataFrame], make_span: Callable[..., Any], settings: dict[str, Any]
) -> None:
    telemetry = make_telemetry(missing=0.4)
    cutoffs, starts = make_span(telemetry)
    for result in _both(telemetry, cutoffs, starts, settings):
        quantiles = result.filter(like="q0.").to_numpy("float64")
        assert len(result) == len(cutoffs) * settings["horizon"] * 2
        assert np.isfinite(quantiles).all()
        assert (np.diff(quantiles, axis=1) >= 0).all()
        cpu = (result["target"] == "cpu_percent").to_numpy()
        assert quantiles[cpu].max() <= 100
        assert quantiles.min() >= 0


def test_a_server_with_a_short_past_takes_the_spread_of_the_others() -> None:
    long = _frame(np.random.default_rng(4).normal(0, 1, 400).tolist())
    short = _frame([5.0] * 400, "b").tail(60).reset_index(drop=True)
    telemetry = pd.concat([long, short], ignore_index=True)
    start = long["timestamp"][349]
    cutoffs = pd.DataFrame({"server": ["b"], "cutoff": [long["timestamp"][348]]})
    result = last_value(telemetry, cutoffs, {"a": start, "b": start}, **_asked(2))
    assert (result["q0.1"] < 4.5).all()
    assert (result["q0.9"] > 5.5).all()


def test_a_server_never_observed_takes_the_distribution_of_the_fleet() -> None:
    fleet = _frame(list(range(400)))
    silent = _frame([np.nan] * 400, "b")
    telemetry = pd.concat([fleet, silent], ignore_index=True)
    start = fleet["timestamp"][301]
    cutoffs = pd.DataFrame({"server": ["b"], "cutoff": [fleet["timestamp"][300]]})
    for result in _both(telemetry, cutoffs, {"a": start, "b": start}, _asked(2)):
        np.testing.assert_allclose(
            result[["q0.1", "q0.5", "q0.9"]].iloc[0].to_numpy("float64"), [30, 150, 270]
        )


def test_a_past_shorter_than_the_horizon_still_gives_a_forecast() -> None:
    telemetry = _frame([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    cutoffs, starts = _one_cutoff(telemetry, 2)
    for result in _both(telemetry, cutoffs, starts, _asked(6)):
        assert np.isfinite(result.filter(like="q0.").to_numpy("float64")).all()


def test_a_target_without_any_value_before_the_test_is_refused_by_name() -> None:
    telemetry = _frame([np.nan] * 50)
    cutoffs, starts = _one_cutoff(telemetry, 30)
    with pytest.raises(HostcastError, match="column x"):
        last_value(telemetry, cutoffs, starts, **_asked(2))


def test_a_cutoff_off_the_grid_is_refused() -> None:
    telemetry = _frame([1.0] * 50)
    cutoffs, starts = _one_cutoff(telemetry, 30)
    cutoffs["cutoff"] += pd.Timedelta(1, unit="min")
    with pytest.raises(ValueError, match="no row of server 'a'"):
        last_value(telemetry, cutoffs, starts, **_asked(2))

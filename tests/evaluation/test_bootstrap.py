"""Intervals of errors, held against cases whose standard error is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hostcast.evaluation.bootstrap import resample
from hostcast.evaluation.scoring import Score

DAY = pd.Timedelta(1, unit="D")
SAMPLES = 4000
# half the width of a 95 % interval, in standard errors
REACH = 1.96


def _score(losses: np.ndarray, actual: float = 1.0, targets: tuple[str, ...] = ("x",)) -> Score:
    """Losses of (servers, days), one forecast each, the same for every target."""
    servers, days = losses.shape
    start = pd.Timestamp("2025-01-06", tz="UTC")
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "server": np.repeat([f"s{i:03d}" for i in range(servers)], days),
                    "cutoff": list(pd.date_range(start, periods=days, freq="1D")) * servers,
                    "target": target,
                    "actual": actual,
                    "loss": losses.reshape(-1),
                }
            )
            for target in targets
        ],
        ignore_index=True,
    )
    none = pd.DataFrame()
    return Score({}, none, none, none, none, none, rows)


def _half_width(losses: np.ndarray) -> float:
    low, high = resample({"m": _score(losses)}, block=DAY, samples=SAMPLES, seed=1).bounds("m")
    assert low < losses.mean() < high
    return (high - low) / 2


def test_the_interval_over_servers_is_that_of_a_mean_of_independent_values() -> None:
    losses = np.random.default_rng(0).normal(10, 2, (80, 1))
    assert _half_width(losses) == pytest.approx(REACH * losses.std() / math.sqrt(80), rel=0.06)


def test_the_interval_over_days_is_that_of_a_mean_of_independent_values() -> None:
    losses = np.random.default_rng(0).normal(10, 2, (1, 60))
    assert _half_width(losses) == pytest.approx(REACH * losses.std() / math.sqrt(60), rel=0.06)


def test_what_servers_and_what_days_contribute_adds_up() -> None:
    random = np.random.default_rng(0)
    by_server, by_day = random.normal(10, 2, (40, 1)), random.normal(0, 1, (1, 30))
    error = math.sqrt(by_server.var() / 40 + by_day.var() / 30)
    assert _half_width(by_server + by_day) == pytest.approx(REACH * error, rel=0.06)


def test_forecasts_of_one_server_and_day_count_as_one_observation() -> None:
    losses = np.random.default_rng(0).normal(10, 2, (80, 1))
    # the same again every hour
    again = _score(np.repeat(losses, 24, axis=1))
    again.rows["cutoff"] = (
        again.rows["cutoff"].min() + (again.rows["cutoff"] - again.rows["cutoff"].min()) / 24
    )
    low, high = resample({"m": again}, block=DAY, samples=SAMPLES, seed=1).bounds("m")
    assert (high - low) / 2 == pytest.approx(REACH * losses.std() / math.sqrt(80), rel=0.06)


def test_a_skill_is_judged_by_the_same_samples_of_both_models() -> None:
    losses = np.random.default_rng(0).gamma(2, 2, (20, 10))
    scores = {"half": _score(losses / 2), "whole": _score(losses)}
    drawn = resample(scores, block=DAY, samples=200, seed=1)
    assert drawn.skill_bounds("half", "whole") == pytest.approx((0.5, 0.5))
    assert drawn.skill_bounds("whole", "whole") == (0.0, 0.0)
    low, high = drawn.bounds("whole")
    assert high - low > 0.3


def test_the_error_is_relative_to_the_size_of_the_values_and_a_mean_over_targets() -> None:
    losses = np.full((5, 5), 3.0)
    score = _score(losses, actual=-2.0, targets=("x", "y"))
    score.rows.loc[score.rows["target"] == "y", "loss"] = 1.0
    low, high = resample({"m": score}, block=DAY, samples=50, seed=1).bounds("m")
    assert (low, high) == pytest.approx((1.0, 1.0))


def test_a_sample_that_holds_none_of_a_target_is_the_mean_of_the_others() -> None:
    score = _score(np.ones((3, 1)), targets=("x", "y"))
    rare = (score.rows["target"] == "x") | (score.rows["server"] == "s000")
    score.rows.drop(index=score.rows.index[~rare], inplace=True)
    low, high = resample({"m": score}, block=DAY, samples=200, seed=1).bounds("m")
    assert (low, high) == pytest.approx((1.0, 1.0))


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    scores = {"m": _score(np.random.default_rng(0).gamma(2, 2, (20, 10)))}

    def bounds(seed: int) -> tuple[float, float]:
        return resample(scores, block=DAY, samples=300, seed=seed).bounds("m")

    assert bounds(1) == bounds(1)
    assert bounds(1) != bounds(2)


@pytest.mark.parametrize(("shape", "samples"), [((1, 1), 100), ((4, 4), 0)])
def test_where_nothing_can_be_drawn_the_interval_is_unknown(shape: tuple[int, int], samples: int) -> None:
    drawn = resample({"m": _score(np.ones(shape))}, block=DAY, samples=samples, seed=1)
    assert np.isnan(drawn.bounds("m")).all()
    assert np.isnan(drawn.skill_bounds("m", "m")).all()


def test_skill_against_a_rival_without_error_is_unknown() -> None:
    scores = {"m": _score(np.ones((4, 4))), "exact": _score(np.zeros((4, 4)))}
    drawn = resample(scores, block=DAY, samples=20, seed=1)
    assert np.isnan(drawn.skill_bounds("m", "exact")).all()

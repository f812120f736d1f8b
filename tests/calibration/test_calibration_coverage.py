"""Calibrated intervals hold what they promise on values exchangeable with those that they learned from."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from calibration_data import LEVELS, TARGETS, UNTIL, Windows, fitted, nominal_of, windows

from hostcast.calibration import Calibration, fit_calibration, pairs_of, scores_of, widen


def held(calibration: Calibration, given: Windows) -> np.ndarray:
    """Whether each interval holds, (windows, horizon, targets, pairs)."""
    corrections = calibration.corrections(given.servers, nominal_of(calibration, len(given.values)))
    values = widen(given.values, corrections, given.spread, LEVELS)
    pairs = pairs_of(LEVELS)
    low, high = (values[..., [getattr(pair, end) for pair in pairs]] for end in ("low", "high"))
    return (given.actual[..., None] >= low) & (given.actual[..., None] <= high)


@pytest.mark.parametrize("sure", [0.2, 1.0, 4.0], ids=["too sure", "about right", "too cautious"])
@pytest.mark.parametrize("shrinkage", [1e-6, 4.0, 1e9], ids=["by server", "mixed", "whole fleet"])
def test_the_share_held_lies_within_binomial_bounds_at_every_step(sure: float, shrinkage: float) -> None:
    calibration = fitted(windows(4000, sure=sure), shrinkage=shrinkage)
    fresh = windows(4000, sure=sure, seed=1)
    inside = held(calibration, fresh)
    for place, share in enumerate(calibration.nominal):
        # a calibration is a draw from a binomial distribution like the test is: variances add up
        bound = 4.5 * np.sqrt(2 * share * (1 - share) / len(inside))
        np.testing.assert_allclose(inside[..., place].mean(axis=0), share, atol=bound)


def test_a_server_with_noise_of_its_own_gets_intervals_of_its_own() -> None:
    quiet, loud = windows(2000, servers=1, noise=0.3), windows(2000, servers=1, noise=3.0, seed=2)

    def together(one: Windows, other: Windows) -> Windows:
        return Windows(
            np.concatenate([one.values, other.values]),
            np.concatenate([one.actual, other.actual]),
            np.concatenate([one.spread, other.spread]),
            ["quiet"] * len(one.values) + ["loud"] * len(other.values),
            np.concatenate([one.positions, other.positions]),
        )

    calibration = fitted(together(quiet, loud))
    fresh = together(windows(2000, servers=1, noise=0.3, seed=3), windows(2000, servers=1, noise=3.0, seed=4))
    inside = held(calibration, fresh)
    for half in (inside[:2000], inside[2000:]):
        np.testing.assert_allclose(half.mean(axis=(0, 1, 2)), calibration.nominal, atol=0.02)


def test_a_server_that_nothing_is_known_of_gets_the_fleets_corrections() -> None:
    given = windows(4000)
    calibration = fitted(given)
    strangers = Windows(given.values, given.actual, given.spread, ["new"] * 4000, given.positions)
    np.testing.assert_allclose(
        held(calibration, strangers).mean(axis=(0, 1, 2)), calibration.nominal, atol=0.005
    )
    assert calibration.start_after("new") == calibration.start_after("a") == UNTIL


def test_a_few_windows_of_a_server_move_it_little_from_the_fleet() -> None:
    given = windows(402, servers=2)
    actual, servers = given.actual.copy(), list(given.servers)
    actual[400:] = given.values[400:, :, :, 3] + 50 * given.spread[400:, None]
    servers[400:] = ["rare", "rare"]
    calibration = fitted(Windows(given.values, actual, given.spread, servers, given.positions), shrinkage=50)
    both = calibration.corrections(["rare", "new"], nominal_of(calibration, 2))
    # its own values missed by a factor of 30 and more
    assert (np.abs(both[0] - both[1]) < np.log(2)).all()
    assert (both[0] >= both[1]).all()


def test_steps_with_few_scores_take_those_of_their_neighbours() -> None:
    given = windows(400)
    apart, alike = fitted(given, least_scores=1).steps, fitted(given, least_scores=10**9).steps
    assert (np.diff(apart[:, :, 1], axis=0) > 0).any()
    assert np.ptp(alike, axis=0).max() == 0
    gap = given.actual.copy()
    gap[:, 2] = np.nan
    filled = fitted(Windows(given.values, gap, given.spread, given.servers, given.positions))
    assert np.isfinite(filled.steps).all()
    assert ((filled.steps[2] >= apart[1] - 1e-9) & (filled.steps[2] <= apart[3] + 1e-9)).all()


def test_a_target_that_was_never_observed_stays_as_it_is() -> None:
    given = windows(200)
    actual = given.actual.copy()
    actual[..., 1] = np.nan
    calibration = fitted(Windows(given.values, actual, given.spread, given.servers, given.positions))
    corrections = calibration.corrections(given.servers, nominal_of(calibration, 200))
    assert (corrections[:, :, 1] == 0).all()
    assert (corrections[:, :, 0] != 0).any()
    assert calibration.scores.tolist() == [200 * 5, 0]


def test_levels_without_a_counterpart_have_no_correction_and_still_rise() -> None:
    levels = [0.1, 0.5, 0.9, 0.99]
    given = windows(300)
    values = given.values[..., [1, 3, 5, 6]]
    calibration = fit_calibration(
        scores_of(values, given.actual, given.spread, levels),
        given.servers,
        given.positions,
        levels=levels,
        targets=TARGETS,
        until={"a": UNTIL},
        least_scores=1,
        shrinkage=4.0,
    )
    assert calibration.nominal.tolist() == [0.8]
    corrections = calibration.corrections(given.servers, np.full((300, 2, 1), 0.8))
    assert (np.diff(widen(values, corrections, given.spread, levels), axis=-1) >= 0).all()


def test_more_is_asked_for_by_wider_intervals_and_never_without_end() -> None:
    calibration = fitted(windows(400))
    asked = [np.full((1, 2, 3), share) for share in (-3.0, 0.0, 0.5, 0.9, 0.995, 1.0, 7.0)]
    corrections = [calibration.corrections(["a"], coverage) for coverage in asked]
    assert all((one <= other).all() for one, other in itertools.pairwise(corrections))
    assert (corrections[-1] == corrections[-3]).all()
    assert np.isfinite(corrections).all()

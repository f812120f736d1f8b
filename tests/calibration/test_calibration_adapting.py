"""Adapting keeps what was promised when a server changes, and knows only what was observed."""

from __future__ import annotations

import numpy as np
from calibration_data import Windows, fitted, windows

from hostcast.calibration import levels_in_force

HORIZON = 5


def covered(given: Windows, levels: np.ndarray, calibration: object) -> np.ndarray:
    """Share of each window held at the levels in force at its cutoff, (windows, targets, pairs)."""
    starts = levels[:-1].reshape(len(given.values), HORIZON, *levels.shape[1:])[:, 0]
    corrections = calibration.corrections(given.servers, starts)  # type: ignore[attr-defined]
    return np.asarray((given.scores <= corrections).mean(axis=1))


def test_a_change_of_the_noise_is_followed() -> None:
    calibration = fitted(windows(2000))
    later = windows(2000, servers=1, noise=1.5, seed=5)
    stiff = np.broadcast_to(calibration.nominal, (2000 * HORIZON + 1, 2, 3))
    moved = levels_in_force(calibration, "a", later.scores, 0.05)
    before = covered(later, stiff, calibration).mean(axis=(0, 1))
    after = covered(later, moved, calibration)[200:].mean(axis=(0, 1))
    assert (calibration.nominal - before > 0.05).all()
    np.testing.assert_allclose(after, calibration.nominal, atol=0.02)


def test_without_a_change_it_stays_about_where_it_is() -> None:
    calibration = fitted(windows(4000))
    later = windows(2000, servers=1, seed=6)
    moved = levels_in_force(calibration, "a", later.scores, 0.05)
    np.testing.assert_allclose(moved.mean(axis=(0, 1)), calibration.nominal, atol=0.03)
    assert (moved[0] == calibration.nominal).all()


def test_what_is_in_force_knows_nothing_of_later_scores() -> None:
    calibration = fitted(windows(400))
    scores = windows(8, servers=1, seed=7).scores
    whole = levels_in_force(calibration, "a", scores, 0.3)
    for step in (1, 7, 19, 39):
        changed = scores.reshape(-1, 2, 3).copy()
        changed[step:] = 50.0
        changed[step + 2 :] = np.nan
        other = levels_in_force(calibration, "a", changed.reshape(scores.shape), 0.3)
        assert (other[: step + 1] == whole[: step + 1]).all()
        assert (other[step + 1 :] != whole[step + 1 :]).any()


def test_what_was_not_observed_moves_nothing() -> None:
    calibration = fitted(windows(400))
    scores = np.full((3, HORIZON, 2, 3), np.nan)
    assert (levels_in_force(calibration, "a", scores, 0.5) == calibration.nominal).all()


def test_a_server_that_stands_still_for_long_is_soon_heard_when_it_moves() -> None:
    calibration = fitted(windows(400))
    still, moving = np.full((500, HORIZON, 2, 3), -5.0), np.full((60, HORIZON, 2, 3), 9.0)
    levels = levels_in_force(calibration, "a", np.concatenate([still, moving]), 0.05)
    assert levels.min() >= 0.0
    assert (levels[500 * HORIZON] < 0.1).all()
    assert (levels[-1] > calibration.nominal).all()
    assert levels.max() < 1.0

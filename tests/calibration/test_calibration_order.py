"""Whatever the correction, quantiles stay in order and the median where it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hostcast.calibration import pairs_of, scores_of, widen
from hostcast.calibration.scores import SMALLEST_SCORE

LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
PAIRS = 3

Floats = npt.NDArray[np.float64]


def numbers(low: float, high: float, *shape: int) -> st.SearchStrategy[Floats]:
    return arrays(np.float64, shape, elements=st.floats(low, high))


@given(numbers(-1e6, 1e6, 2, 3, 1, len(LEVELS)), numbers(-9, 9, 2, 3, 1, PAIRS), numbers(1e-3, 1e4, 2, 1))
def test_quantiles_never_cross_and_the_median_is_untouched(
    values: Floats, corrections: Floats, spread: Floats
) -> None:
    values = np.sort(values, axis=-1)
    widened = widen(values, corrections, spread, LEVELS)
    assert (np.diff(widened, axis=-1) >= 0).all()
    assert (widened[..., 3] == values[..., 3]).all()
    assert np.isfinite(widened).all()


@given(numbers(-1e3, 1e3, 4, 2, 1, len(LEVELS)), numbers(-2e3, 2e3, 4, 2, 1), numbers(1e-2, 1e2, 4, 1))
def test_a_correction_by_its_own_score_just_reaches_the_value(
    values: Floats, actual: Floats, spread: Floats
) -> None:
    values = np.sort(values, axis=-1)
    scores = scores_of(values, actual, spread, LEVELS)
    for place, pair in enumerate(pairs_of(LEVELS)):
        # the others are as narrow as can be, so that none pushes this one outwards
        alone = np.full_like(scores, -99.0)
        alone[..., place] = scores[..., place]
        widened = widen(values, alone, spread, LEVELS)
        slack = 1e-9 * (1 + np.abs(actual))
        assert (actual >= widened[..., pair.low] - slack).all()
        assert (actual <= widened[..., pair.high] + slack).all()
        alone[..., place] -= 1e-3
        narrower = widen(values, alone, spread, LEVELS)
        away = np.abs(actual - values[..., 3]) > 1e-2 * spread[:, None]
        # below the smallest score all are alike
        away &= scores[..., place] > SMALLEST_SCORE
        out = (actual < narrower[..., pair.low]) | (actual > narrower[..., pair.high])
        assert out[away].all()


@given(
    numbers(-1e2, 1e2, 3, 2, 1, len(LEVELS)),
    numbers(-1e2, 1e2, 3, 2, 1),
    st.floats(0.01, 100),
    st.floats(-1e3, 1e3),
)
def test_scores_are_the_same_in_any_unit(values: Floats, actual: Floats, scale: float, shift: float) -> None:
    values, spread = np.sort(values, axis=-1), np.ones((3, 1))
    one = scores_of(values, actual, spread, LEVELS)
    other = scores_of(values * scale + shift, actual * scale + shift, spread * scale, LEVELS)
    np.testing.assert_allclose(one, other, atol=1e-4 * (1 + abs(shift) / scale))


def test_pairs_are_the_symmetric_levels_narrowest_first() -> None:
    assert [(pair.low, pair.high, pair.nominal) for pair in pairs_of(LEVELS)] == [
        (2, 4, 0.5),
        (1, 5, 0.8),
        (0, 6, 0.9),
    ]
    assert pairs_of([0.5]) == []

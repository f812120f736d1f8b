"""Losses on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostcast.evaluation.metrics import central_intervals, crossed, pinball_loss, quantile_loss

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20).map(np.array)


def test_too_low_costs_nine_times_too_high_at_the_90_percent_quantile() -> None:
    low, high = pinball_loss(np.array([10.0, 10.0]), np.array([8.0, 12.0]), 0.9)
    assert low == pytest.approx(1.8)
    assert high == pytest.approx(0.2)


@given(values)
def test_the_loss_of_the_median_alone_is_the_absolute_error(actual: np.ndarray) -> None:
    loss = quantile_loss(actual, np.zeros((len(actual), 1)), [0.5])
    # half of the smallest denormal number is zero
    np.testing.assert_allclose(loss, np.abs(actual), atol=1e-300)


@given(values, st.floats(0.01, 0.99))
def test_no_constant_beats_the_empirical_quantile(actual: np.ndarray, level: float) -> None:
    best = pinball_loss(actual, np.quantile(actual, level, method="inverted_cdf"), level).mean()
    others = [pinball_loss(actual, np.full(len(actual), other), level).mean() for other in actual]
    assert best <= min(others) + 1e-6


def test_a_row_whose_quantiles_fall_is_crossed_and_ties_are_not() -> None:
    rows = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [1.0, 3.0, 2.0], [2.0, 1.0, 3.0]])
    assert crossed(rows).tolist() == [False, False, True, True]


def test_central_intervals_pair_levels_that_lie_symmetrically() -> None:
    levels = [0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 0.9, 0.95]
    assert central_intervals(levels) == [(0.25, 0.75, 0.5), (0.1, 0.9, 0.8), (0.05, 0.95, 0.9)]

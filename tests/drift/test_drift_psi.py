"""The index that tells how far two distributions are apart."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hostcast.account.bins import Cells, Histogram, edges_of, in_order
from hostcast.drift.psi import SMALLEST_SHARE, psi

COUNTS = arrays.arrays(np.int64, 6, elements=st.integers(0, 10**9))


def shares(counts: npt.NDArray[np.int64]) -> bool:
    return bool(counts.sum())


@given(COUNTS.filter(shares), st.integers(1, 1000))
def test_the_same_distribution_is_no_distance_away(counts: npt.NDArray[np.int64], times: int) -> None:
    assert psi(counts, counts * times) == pytest.approx(0, abs=1e-12)


@given(COUNTS.filter(shares), COUNTS.filter(shares))
def test_the_index_is_symmetric_and_never_negative_and_bounded(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> None:
    there, back = psi(one, other), psi(other, one)
    assert there == pytest.approx(back, rel=1e-9, abs=1e-12)
    assert 0 <= there <= 2 * math.log(1 / SMALLEST_SHARE)


def test_the_index_is_that_of_a_worked_example() -> None:
    # shares .5 .3 .2 then, .4 .3 .3 now
    expected = (0.4 - 0.5) * math.log(0.4 / 0.5) + (0.3 - 0.2) * math.log(0.3 / 0.2)
    assert psi(np.array([50, 30, 20]), np.array([400, 300, 300])) == pytest.approx(expected)


def test_no_values_on_one_side_give_no_index() -> None:
    assert math.isnan(psi(np.array([0, 0]), np.array([1, 2])))


def test_sampling_alone_moves_the_index_as_far_as_the_literature_says() -> None:
    numbers = np.random.default_rng(5)
    found = []
    for _ in range(200):
        then, now = in_order(numbers.normal(size=4000).astype("f4")), numbers.normal(size=1000).astype("f4")
        edges = edges_of(then)
        found.append(psi(Histogram.of(edges, then, 0).counts, Histogram.of(edges, in_order(now), 0).counts))
    assert np.mean(found) == pytest.approx(9 * (1 / 4000 + 1 / 1000), rel=0.25)


@pytest.mark.parametrize("constant", [0.0, -0.0, 80.0, -3.5])
@pytest.mark.parametrize("moved", [-20.0, 20.0])
def test_a_constant_column_that_moves_either_way_is_noticed(constant: float, moved: float) -> None:
    then = in_order(np.full(500, constant, np.float32))
    now = in_order(np.full(500, constant + moved, np.float32))
    for reference in (Histogram.of(edges_of(then), then, 0), Cells.of(then).histogram(0, 0.0)):
        assert psi(reference.counts, Histogram.of(reference.edges, then, 0).counts) == 0
        assert psi(reference.counts, Histogram.of(reference.edges, now, 0).counts) > 10

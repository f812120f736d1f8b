"""Bins of a tenth each, and counts that add up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hostcast.account.bins import Cells, Histogram, edges_of, in_order

Floats = npt.NDArray[np.float32]

NUMBERS = st.floats(width=32, allow_nan=True, allow_infinity=False)
COLUMNS = arrays.arrays(np.float32, st.integers(0, 60), elements=NUMBERS)


@given(COLUMNS)
def test_every_value_and_every_missing_one_is_counted_once(column: Floats) -> None:
    ordered = in_order(column)
    counted = Histogram.of(edges_of(ordered), ordered, len(column) - len(ordered))
    assert counted.rows == len(column)
    assert counted.missing == np.isnan(column).sum()
    # nothing of the reference lies beside its own bins
    assert counted.counts[-1] == 0
    assert counted.counts[0] == 0 or not len(ordered)
    cells = Cells.of(ordered).histogram(counted.missing, counted.total)
    assert (cells.values, cells.missing) == (counted.values, counted.missing)


@given(st.lists(COLUMNS, min_size=1, max_size=5))
def test_counts_of_pieces_add_up_to_the_counts_of_the_whole(pieces: list[Floats]) -> None:
    whole = in_order(np.concatenate(pieces))
    summed = Cells.sum([Cells.of(in_order(piece)) for piece in pieces])
    direct = Cells.of(whole)
    assert np.array_equal(summed.cells, direct.cells)
    assert np.array_equal(summed.counts, direct.counts)
    edges = summed.histogram(0, 0.0).edges
    total = Histogram.none(edges)
    for piece in pieces:
        ordered = in_order(piece)
        total += Histogram.of(edges, ordered, len(piece) - len(ordered))
    assert np.array_equal(total.counts, Histogram.of(edges, whole, 0).counts)
    # and bins made of cells hold what their own edges say
    assert np.array_equal(total.counts, summed.histogram(0, 0.0).counts)


@given(COLUMNS)
def test_edges_rise_and_survive_being_written(column: Floats) -> None:
    ordered = in_order(column)
    for counted in (Histogram.of(edges_of(ordered), ordered, 1), Cells.of(ordered).histogram(1, 0.5)):
        assert (np.diff(counted.edges) > 0).all()
        again = Histogram.from_dict(counted.to_dict())
        assert np.array_equal(again.edges, counted.edges)
        assert np.array_equal(again.counts, counted.counts)


def test_bins_hold_a_tenth_each_where_values_can_be_told_apart() -> None:
    ordered = in_order(np.random.default_rng(1).permutation(1000).astype("f4") + 1)
    assert Histogram.of(edges_of(ordered), ordered, 0).counts.tolist() == [0, *[100] * 10, 0]
    assert np.abs(Cells.of(ordered).histogram(0, 0.0).counts[1:-1] - 100).max() <= 1

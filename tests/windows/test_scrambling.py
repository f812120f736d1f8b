"""A shuffle of any size, of which no more is computed than is asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hostcast.windows.scrambling import scrambled


@settings(max_examples=60)
@given(count=st.integers(1, 5000), seed=st.integers(0, 2**32), part=st.floats(0, 1))
def test_a_scrambled_order_holds_every_number_once_wherever_it_is_begun(
    count: int, seed: int, part: float
) -> None:
    whole = scrambled(np.arange(count), count, [seed, 0])
    assert sorted(whole.tolist()) == list(range(count))
    middle = int(part * count)
    assert (scrambled(np.arange(middle, count), count, [seed, 0]) == whole[middle:]).all()


def test_a_scrambled_order_looks_random() -> None:
    count = 100_000
    order = scrambled(np.arange(count), count, [1, 2])
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(order, np.arange(count))[0, 1]) < 0.02
    # a tenth of the places draws from all of the range alike
    counts = np.histogram(order[: count // 10], bins=20, range=(0, count))[0]
    assert abs(counts - 500).max() < 110
    assert (order != scrambled(np.arange(count), count, [1, 3])).mean() > 0.99

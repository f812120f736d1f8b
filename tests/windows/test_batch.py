"""A forecast in the targets' units."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hostcast.windows import Batch, QuantileForecast


def forecast_of(quantiles: torch.Tensor) -> QuantileForecast:
    nothing = torch.zeros(len(quantiles), 0)
    return QuantileForecast(quantiles, None, nothing, nothing, nothing, nothing)


@settings(max_examples=30)
@given(levels=st.integers(1, 20), seed=st.integers(0, 99))
def test_levels_are_put_in_order_and_scaled_by_their_target(levels: int, seed: int) -> None:
    torch.manual_seed(seed)
    quantiles = torch.randint(-5, 5, (3, 4, 2, levels)).float()
    center, spread = torch.randn(3, 2), torch.rand(3, 2) + 0.1
    nothing = torch.zeros(3, 4, 2)
    batch = Batch({}, target=nothing, observed=nothing, center=center, spread=spread)
    found = forecast_of(quantiles).in_units(batch)
    expected = torch.sort(quantiles, dim=-1).values
    assert torch.equal(found, expected * spread[:, None, :, None] + center[:, None, :, None])

"""A forecast in the targets' units."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostcast.windows import Batch, QuantileForecast


def forecast_of(quantiles: torch.Tensor) -> QuantileForecast:
    nothing = torch.zeros(len(quantiles), 0)
    return QuantileForecast(quantiles, None, nothing, nothing, nothing, nothing)


@pytest.mark.parametrize("way", ["kernel", "torch"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    levels=st.integers(1, 20),
    windows=st.sampled_from([1, 3, 40]),
    targets=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_levels_are_put_in_order_and_scaled_by_their_target(
    way: str, levels: int, windows: int, targets: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "torch":
        monkeypatch.setattr("hostcast.windows.units.load_kernels", lambda: None)
    torch.manual_seed(seed)
    quantiles = torch.randint(-5, 5, (windows, 4, targets, levels)).float()
    center, spread = torch.randn(windows, targets), torch.rand(windows, targets) + 0.1
    nothing = torch.zeros(windows, 4, targets)
    batch = Batch({}, target=nothing, observed=nothing, center=center, spread=spread)
    found = forecast_of(quantiles).in_units(batch)
    expected = torch.sort(quantiles, dim=-1).values.double()
    expected = expected * spread[:, None, :, None] + center[:, None, :, None]
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    assert bool((found.diff(dim=-1) >= 0).all())


def test_a_quantile_that_is_no_number_shows() -> None:
    quantiles = torch.zeros(2, 3, 1, 5)
    quantiles[1, 2, 0, 3] = float("nan")
    nothing, one = torch.zeros(2, 3, 1), torch.ones(2, 1)
    found = forecast_of(quantiles).in_units(Batch({}, nothing, nothing, one, one))
    assert found.isnan().any(dim=-1).nonzero().tolist() == [[1, 2, 0]]

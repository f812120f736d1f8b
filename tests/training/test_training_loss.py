"""The pinball loss: right by hand, blind to what was not observed, and no unit dominates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import TARGETS, scene, tiny_features
from hostcast.engines import Architecture, LoaderOptions, get_engine
from hostcast.errors import HostcastError
from hostcast.training import Trained
from hostcast.training.loss import pinball_sums
from hostcast.training.module import ForecastModule
from hostcast.training.seeds import seed_everything
from hostcast.windows import fit_inputs

LEVELS = torch.tensor([0.1, 0.5, 0.9])


def test_the_loss_is_twice_the_pinball_loss_in_the_targets_unit() -> None:
    quantiles = torch.tensor([[[[-1.0, 0.0, 2.0]]]])  # window scale
    target, observed, spread = torch.tensor([[[1.0]]]), torch.ones(1, 1, 1), torch.tensor([[10.0]])
    sums, values = pinball_sums(quantiles, target, observed, spread, LEVELS)
    # errors 2, 1, -1: 0.1 * 2 + 0.5 * 1 + (0.9 - 1) * -1 = 0.8, twice its mean over three levels, times 10
    torch.testing.assert_close(sums, torch.tensor([2 * 0.8 / 3 * 10]))
    assert values.tolist() == [1.0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_loss_agrees_with_numpy_and_leaves_out_what_is_missing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch, horizon, targets = 3, 4, 2
    quantiles = rng.normal(size=(batch, horizon, targets, 3)).astype("float32")
    target = rng.normal(size=(batch, horizon, targets)).astype("float32")
    observed = (rng.random((batch, horizon, targets)) < 0.6).astype("float32")
    spread = rng.uniform(0.1, 5, size=(batch, targets)).astype("float32")
    sums, values = pinball_sums(*map(torch.from_numpy, (quantiles, target, observed, spread)), LEVELS)
    for place in range(targets):
        expected = 0.0
        for i, j in zip(*np.nonzero(observed[:, :, place]), strict=True):
            for level, q in zip((0.1, 0.5, 0.9), quantiles[i, j, place], strict=True):
                error = float(target[i, j, place] - q) * spread[i, place]
                expected += 2 * max(level * error, (level - 1) * error) / 3
        assert sums[place].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert values.tolist() == observed.sum(axis=(0, 1)).tolist()


def test_half_precision_forecasts_are_compared_in_full_precision() -> None:
    quantiles = torch.full((1, 1, 1, 3), 1.0, dtype=torch.float16)
    target = torch.tensor([[[1.0001]]])
    sums, _ = pinball_sums(quantiles, target, torch.ones(1, 1, 1), torch.ones(1, 1), LEVELS)
    assert sums.dtype == torch.float32
    assert sums.item() == pytest.approx(1e-4, rel=1e-2)


def module_of(name: str = "fused", **changes: object) -> tuple[ForecastModule, list[object]]:
    made = scene({key.replace("__", "."): value for key, value in changes.items()})
    engine = get_engine(name)
    spec = fit_inputs(made.table, made.roles, made.split, made.params)
    seed_everything(1)
    network = engine.network(spec, Architecture.of(made.params.model)).eval()
    source = engine.source(made.table, spec)
    loader = source.loader(made.split.cutoffs("validation"), batch_size=8, options=LoaderOptions())
    return ForecastModule(network, engine, spec, made.params.train, 0.01), list(loader)


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_the_validation_loss_does_not_depend_on_the_batches(engine: str) -> None:
    module, batches = module_of(engine)
    per_batch = []
    with torch.no_grad():
        for index, raw in enumerate(batches):
            module.validation_step(raw, index)
            batch = module.engine.unpack(raw, module.spec)
            loss, values = module._sums(batch, batch.spread)
            per_batch.append((loss.double(), values.double()))
    total = sum(loss for loss, _ in per_batch) / sum(values for _, values in per_batch)
    whole = (total * module.target_weights).mean()
    torch.testing.assert_close(
        module._weigh(module.validation_loss, module.validation_values), whole, check_dtype=False
    )


def test_a_target_weight_multiplies_its_share_of_the_loss() -> None:
    plain, _ = module_of()
    weighted, _ = module_of(train__target_weights={TARGETS[1]: 5.0})
    torch.testing.assert_close(weighted.target_weights / plain.target_weights, torch.tensor([1.0, 5.0]))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_windows_count_by_a_power_of_their_spread_in_training_alone(power: float) -> None:
    module, batches = module_of(train__spread_power=power)
    batch = module.engine.unpack(batches[0], module.spec)
    fleet = torch.tensor([module.spec.target_scales[name].fleet.spread for name in TARGETS])
    torch.testing.assert_close(
        module._evened(batch.spread) / fleet, (batch.spread / fleet) ** power, rtol=1e-5, atol=0.0
    )
    with torch.no_grad():
        trained = module._batch_loss(batch)
        module.validation_step(batches[0], 0)
    validated = module._weigh(module.validation_loss, module.validation_values)
    assert (trained.item() == pytest.approx(validated.item(), rel=1e-5)) == (power == 1.0)


def test_the_unit_of_one_target_does_not_change_the_training_of_another(
    train_in: Callable[..., Trained],
) -> None:
    table = tiny_features()
    plain = train_in(scene(features=table), key="a" * 64)
    # a power of two, so that scaling is exact
    table[TARGETS[1]] *= 1024
    scaled = train_in(scene(features=table), key="b" * 64)
    for name in ("train_loss", "val_loss", "val_loss_of_cpu"):
        np.testing.assert_allclose(plain.history[name], scaled.history[name], rtol=1e-4)
    for name, tensor in plain.network.state_dict().items():
        torch.testing.assert_close(tensor, scaled.network.state_dict()[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_a_diverged_training_stops_with_advice(train_in: Callable[..., Trained], engine: str) -> None:
    given_ = scene({"train.learning_rate": 1e30, "train.gradient_clip_val": 0.0, "train.engine": engine})
    with pytest.raises(HostcastError, match=r"training diverged in epoch \d.*nan") as caught:
        train_in(given_)
    assert "train.learning_rate" in str(caught.value)

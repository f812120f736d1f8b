"""A graphed training is the ordinary one: on a CPU, where a graph is stood in for by what it would replay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fleet import Scene, scene, tiny_params
from hostcast.engines import get_engine
from hostcast.params import Params
from hostcast.training import RunState, Trained, fit, graphed, train
from hostcast.training.graphed import GraphedForecastModule, module_type
from hostcast.training.module import ForecastModule
from hostcast.windows import Batch

Train = Callable[..., Trained]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, GraphedForecastModule),
        ({"train.precision": "bf16-mixed"}, GraphedForecastModule),
        ({"train.lr_schedule": "plateau"}, GraphedForecastModule),
        ({"train.precision": "16-mixed"}, ForecastModule),
        ({"train.lr_schedule": "one_cycle"}, ForecastModule),
        ({"train.gradient_accumulation": 2}, ForecastModule),
        ({"train.engine": "reference"}, ForecastModule),
    ],
)
def test_a_graph_is_for_steps_that_are_the_same_every_time(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], expected: type
) -> None:
    params = tiny_params({"train.engine": "fused", **changes})
    engine = get_engine(params.train.engine)
    monkeypatch.setattr(graphed, "uses_gpu", lambda runtime: True)
    assert module_type(engine, params) is expected
    monkeypatch.setattr(graphed, "uses_gpu", lambda runtime: False)
    assert module_type(engine, params) is ForecastModule


class Replayed:
    """Does at each replay what a graph would: the same step, on what stands in the same memory now."""

    def __init__(self, module: StandIn) -> None:
        self.module = module
        self.optimizer = module.trainer.optimizers[0]
        self.rate = self.optimizer.param_groups[0]["lr"]
        self.places = self._places()
        self.replays = 0

    def _places(self) -> list[int]:
        return [
            tensor.data_ptr() for tensor in (self.rate, *self.module.parameters(), *self.module.buffers())
        ]

    def replay(self) -> None:
        assert self.optimizer.param_groups[0]["lr"] is self.rate
        assert self._places() == self.places
        self.replays += 1
        self.module._static_loss = self.module._whole_step(self.optimizer)


class StandIn(GraphedForecastModule):
    """Without CUDA nothing is captured; everything else is as on a GPU."""

    made: list[StandIn]

    def _capture(self, batch: Batch) -> None:
        graphed._rates_to(self.trainer.optimizers[0], self.device)
        self._static = graphed._cloned(batch)
        self._graph = Replayed(self)  # type: ignore[assignment]
        self.made.append(self)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """The modules that were trained; all are graphed."""
    found: list[StandIn] = []

    def stand_in(engine: Any, params: Params) -> type[ForecastModule]:
        return type("StandIn", (StandIn,), {"made": found})

    monkeypatch.setattr(fit, "module_type", stand_in)
    return found


def ordinary(given: Scene, folder: Path) -> Trained:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "module_type", lambda engine, params: ForecastModule)
        state = RunState(folder / "ordinary", "c" * 64)
        return train(given.table, given.roles, given.split, given.params, state)


def assert_trained_alike(one: Trained, other: Trained) -> None:
    # the rate is a float32 here and a float64 there, and what has no gradient follows the rounding
    np.testing.assert_allclose(one.history.to_numpy(), other.history.to_numpy(), rtol=1e-4)
    for name, tensor in one.network.state_dict().items():
        torch.testing.assert_close(tensor, other.network.state_dict()[name], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"train.lr_schedule": "plateau", "train.reduce_on_plateau_patience": 1, "train.epochs": 4},
        {"train.gradient_clip_val": 0.0, "train.windows_per_epoch": 72, "train.val_check_interval": 0.5},
    ],
)
def test_a_graphed_training_is_the_ordinary_one(
    tmp_path: Path, train_in: Train, made: list[StandIn], changes: dict[str, Any]
) -> None:
    given = scene({"train.learning_rate": 0.003, **changes})
    trained = train_in(given)
    (module,) = made
    steps = int(trained.metrics["epochs"]) * 4
    assert module.trainer.global_step == module._graph.replays == steps
    assert_trained_alike(trained, ordinary(given, tmp_path))


def test_batches_with_short_histories_take_the_ordinary_way(
    tmp_path: Path, train_in: Train, made: list[StandIn]
) -> None:
    given = scene(
        {
            "split.min_encoder_length": 3,
            "train.windows_per_epoch": 96,
            "train.batch_size": 4,
            "train.learning_rate": 0.001,
        }
    )
    trained = train_in(given)
    (module,) = made
    assert 0 < module._graph.replays < module.trainer.global_step == 48
    assert_trained_alike(trained, ordinary(given, tmp_path))


def test_a_graphed_training_goes_on_after_an_interruption(
    tmp_path: Path, train_in: Train, made: list[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = scene({"train.epochs": 3, "model.dropout": 0.2})
    whole = train_in(given, key="a" * 64)
    original = ForecastModule.validation_step

    def crashing(self: ForecastModule, raw: Any, batch_idx: int) -> None:
        if self.current_epoch == 2:
            raise RuntimeError("killed")
        original(self, raw, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(ForecastModule, "validation_step", crashing)
        with pytest.raises(RuntimeError, match="killed"):
            train_in(given, key="b" * 64)
    resumed = train_in(given, key="b" * 64)
    assert whole.history.equals(resumed.history)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name])


def test_the_rate_of_a_checkpoint_is_read_from_where_the_weights_are() -> None:
    weights = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.AdamW([weights], lr=torch.tensor(0.1), fused=True)
    optimizer.load_state_dict(optimizer.state_dict())
    graphed._rates_to(optimizer, torch.device("meta"))
    assert optimizer.param_groups[0]["lr"].device == torch.device("meta")

"""Giving both engines the same weights and windows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from hostcast.benchmark.engines.again import Again
from hostcast.benchmark.engines.agreement import Agreement
from hostcast.benchmark.engines.data import Data, open_data
from hostcast.benchmark.engines.shapes import Device, Shape, params_of
from hostcast.benchmark.quiet import quieten
from hostcast.engines import Engine, LoaderOptions, Network, get_engine
from hostcast.params import Params
from hostcast.training.fit import make_network
from hostcast.training.graphed import module_type
from hostcast.training.module import ForecastModule
from hostcast.training.seeds import seed_everything
from hostcast.training.trainer import make_trainer
from hostcast.windows import Batch, InputSpec, fit_inputs

__all__ = ["Comparison", "compare_engines"]

STEPS = 4


@dataclass(frozen=True)
class Comparison:
    """What to compare; it travels to a process of its own.

    Attributes:
        engines: names of the two engines, the one to agree with first.
        shape: sizes of data and model.
        folder: where the shape's data was written.
        params: the project's params.
        device: what to run on.
        threads: torch's compute threads.
        windows: number of windows in the batch.
    """

    engines: tuple[str, str]
    shape: Shape
    folder: Path
    params: Params
    device: Device
    threads: int
    windows: int


@dataclass(frozen=True)
class _Outcome:
    batch: Batch
    trained: Tensor
    forecast: Tensor
    loss: Tensor
    gradients: Tensor
    later_loss: Tensor


def compare_engines(comparison: Comparison) -> Agreement:
    """Give both engines the same weights and the same windows, and compare what comes out."""
    quieten()
    warnings.filterwarnings("ignore", message="You are trying to `self.log()`")
    torch.set_num_threads(comparison.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    seed_everything(comparison.params.base.random_seed)
    data = open_data(comparison.folder)
    params = [_params(comparison, name) for name in comparison.engines]
    spec = fit_inputs(data.features, data.roles, data.split, params[0])
    weights = make_network(get_engine(comparison.engines[0]), spec, params[0]).state_dict()
    expected, actual = (_computed(data, spec, weights, comparison, own) for own in params)
    pairs = [
        (getattr(actual.batch, name), getattr(expected.batch, name))
        for name in ("target", "observed", "center", "spread")
    ]
    return Agreement(
        shape=comparison.shape.name,
        device=comparison.device,
        windows=expected.batch.size,
        batches=max(_difference(one, other) for one, other in pairs),
        trained_quantiles=_difference(actual.trained, expected.trained),
        forecast_quantiles=_difference(actual.forecast, expected.forecast),
        loss=_difference(actual.loss, expected.loss),
        gradients=_difference(actual.gradients, expected.gradients),
        loss_after_steps=_difference(actual.later_loss, expected.later_loss),
    )


def _params(comparison: Comparison, engine: str) -> Params:
    params = params_of(comparison.shape, comparison.params, engine=engine, device=comparison.device)
    train = params.train.model_copy(update={"precision": "32-true", "compile": False, "learning_rate": 0.01})
    # dropout draws other numbers in each engine
    model = params.model.model_copy(update={"dropout": 0.0})
    return params.model_copy(update={"train": train, "model": model})


def _computed(
    data: Data, spec: InputSpec, weights: dict[str, Tensor], comparison: Comparison, params: Params
) -> _Outcome:
    engine, train = get_engine(params.train.engine), params.train
    cutoffs = data.split.cutoffs("validation")
    shown = cutoffs.iloc[:: max(1, len(cutoffs) // comparison.windows)].head(comparison.windows)
    loader = engine.source(data.features, spec).loader(
        shown, batch_size=comparison.windows, options=LoaderOptions()
    )
    raw = next(iter(loader))
    network = make_network(engine, spec, params)
    network.load_state_dict(weights)
    later_loss = _loss_after_steps(engine, spec, params, network, raw)
    network.load_state_dict(weights)
    network.to(comparison.device).train()
    module = ForecastModule(network, engine, spec, train, train.learning_rate).to(comparison.device)
    raw = move_data_to_device(raw, torch.device(comparison.device))
    batch = engine.unpack(raw, spec)
    trained = network(batch).quantiles.detach()
    network.zero_grad()
    loss = module.training_step(raw, 0)
    torch.autograd.backward(loss)
    gradients = torch.cat(
        [
            (torch.zeros_like(weight) if weight.grad is None else weight.grad).flatten()
            for _, weight in sorted(network.named_parameters())
        ]
    )
    with torch.inference_mode():
        forecast = network.eval()(batch).quantiles
    return _Outcome(batch, trained, forecast, loss.detach(), gradients, later_loss)


def _loss_after_steps(engine: Engine, spec: InputSpec, params: Params, network: Network, raw: Any) -> Tensor:
    """The loss of a batch that was trained on a few times, in the loop that is measured."""
    last = _LastLoss()
    module = module_type(engine, params)(network, engine, spec, params.train, params.train.learning_rate)
    trainer = make_trainer(
        params,
        callbacks=[last],
        logger=False,
        max_epochs=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(module, Again([raw], STEPS))
    return last.loss


class _LastLoss(Callback):
    loss: Tensor

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.loss = outputs["loss"].detach().clone()


def _difference(actual: Tensor, expected: Tensor) -> float:
    if actual.shape != expected.shape:
        return float("inf")
    largest = expected.double().abs().max().clamp(min=1e-12)
    return float((actual.double() - expected.double()).abs().max() / largest)

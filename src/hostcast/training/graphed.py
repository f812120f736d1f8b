"""Training steps as one CUDA graph: what takes the host a thousand launches takes it one."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Optimizer

from hostcast.engines import Engine
from hostcast.machine import uses_gpu
from hostcast.params import Params
from hostcast.training.module import ForecastModule
from hostcast.windows import Batch

__all__ = ["GraphedForecastModule", "module_type"]

WARM_UP_STEPS = 3


def module_type(engine: Engine, params: Params) -> type[ForecastModule]:
    """The module that trains fastest: graphed where a whole step is the same work every time.

    Not so with fp16, whose scaler skips steps, with one_cycle, which changes the optimiser's momentum, nor
    where gradients are accumulated.
    """
    train = params.train
    same = (
        train.precision != "16-mixed"
        and train.lr_schedule != "one_cycle"
        and train.gradient_accumulation == 1
    )
    return GraphedForecastModule if engine.graphable and uses_gpu(params.runtime) and same else ForecastModule


class GraphedForecastModule(ForecastModule):
    """Replays forward pass, backward pass, clipping and optimiser step from a graph.

    It is captured at the first batch, and computes what `ForecastModule` does under Lightning's automatic
    optimisation; the hooks that would do it again do nothing. A batch of another shape (a shorter history in
    it) takes the ordinary way.
    """

    _graph: torch.cuda.CUDAGraph | None = None
    _static: Batch
    _static_loss: Tensor
    _replayed = False

    def training_step(self, raw: Any, batch_idx: int) -> Tensor:
        """One batch's loss; the weights have moved already if the graph was replayed."""
        batch = self.engine.unpack(raw, self.spec)
        if self._graph is None and batch.inputs["full"]:
            self._capture(batch)
        self._replayed = self._graph is not None and _same_shape(batch, self._static)
        if not self._replayed:
            return super().training_step(batch, batch_idx)
        assert self._graph is not None
        _copy(batch, self._static)
        self._graph.replay()
        self._log_step(self._static_loss, batch)
        return self._static_loss

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Lightning's hook."""
        if not self._replayed:
            super().backward(loss, *args, **kwargs)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Lightning's hook."""
        if not self._replayed:
            super().optimizer_zero_grad(epoch, batch_idx, optimizer)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Any = None,
    ) -> None:
        """Lightning's hook: the closure runs `training_step`, and then it is known whether all is done."""
        loss = optimizer_closure()
        if not self._replayed:
            super().optimizer_step(epoch, batch_idx, optimizer, lambda: loss)

    def configure_optimizers(self) -> Any:
        """As `ForecastModule`, with what a graph reads on the GPU: the rate and the count of steps."""
        return self._optimizers(lr=torch.tensor(self.learning_rate, device=self.device), capturable=True)

    def _capture(self, batch: Batch) -> None:
        """Capture a step, leaving weights, optimiser, sums and random state as they were."""
        optimizer = self.trainer.optimizers[0]
        _rates_to(optimizer, self.device)
        self._static = _cloned(batch)
        kept = [*self.parameters(), *self.buffers(), *_tensors_of(optimizer)]
        fresh = not optimizer.state
        before = [tensor.detach().clone() for tensor in kept]
        random = torch.cuda.get_rng_state(self.device)
        side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                self._whole_step(optimizer)
        torch.cuda.current_stream(self.device).wait_stream(side)
        for parameter in self.parameters():
            # gradients born in the capture live in the graph, and need no zeroing
            parameter.grad = None
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._static_loss = self._whole_step(optimizer)
        with torch.no_grad():
            for tensor, value in zip(kept, before, strict=True):
                tensor.copy_(value)
            if fresh:
                for tensor in _tensors_of(optimizer):
                    tensor.zero_()
        torch.cuda.set_rng_state(random, self.device)
        self._graph = graph

    def _whole_step(self, optimizer: Optimizer) -> Tensor:
        dtype = torch.bfloat16 if self.train_params.precision == "bf16-mixed" else torch.float32
        # a cache of casts must not outlive the capture
        with torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32, cache_enabled=False):
            loss = self._batch_loss(self._static)
        for parameter in self.parameters():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        if self.train_params.gradient_clip_val:
            torch.nn.utils.clip_grad_norm_(self.parameters(), self.train_params.gradient_clip_val)
        optimizer.step()
        return loss.detach()


def _rates_to(optimizer: Optimizer, device: torch.device) -> None:
    # a checkpoint's come back on the CPU, where a graph reads them once, when it is captured
    for group in optimizer.param_groups:
        group["lr"] = group["lr"].to(device)


def _tensors_of(optimizer: Optimizer) -> list[Tensor]:
    return [value for state in optimizer.state.values() for value in state.values()]


def _parts(batch: Batch) -> dict[str, Tensor]:
    """What a step reads."""
    inputs = {name: value for name, value in batch.inputs.items() if isinstance(value, Tensor)}
    return {**inputs, "target": batch.target, "observed": batch.observed, "spread": batch.spread}


def _copy(batch: Batch, static: Batch) -> None:
    into = _parts(static)
    for name, value in _parts(batch).items():
        into[name].copy_(value, non_blocking=True)


def _cloned(batch: Batch) -> Batch:
    inputs = {
        name: value.clone() if isinstance(value, Tensor) else value for name, value in batch.inputs.items()
    }
    return Batch(
        inputs=inputs,
        target=batch.target.clone(),
        observed=batch.observed.clone(),
        center=batch.center.clone(),
        spread=batch.spread.clone(),
    )


def _same_shape(batch: Batch, static: Batch) -> bool:
    full = bool(batch.inputs["full"])
    return full and batch.inputs["history"].shape == static.inputs["history"].shape

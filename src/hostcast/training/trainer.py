"""A Lightning trainer as hostcast runs it: deterministic, one device, checkpoints without pickle."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.utils import deterministic

from hostcast.machine import uses_gpu
from hostcast.params import Params
from hostcast.training.checkpoint_io import SafetensorsCheckpointIO

__all__ = ["make_trainer", "training_log_version"]


def training_log_version() -> str:
    """A name for a new TensorBoard run; logs are not hashed by DVC, so it may tell the time."""
    return datetime.now(UTC).strftime("%Y%m%d_%H%M%S")


def make_trainer(params: Params, **options: Any) -> Trainer:
    """A trainer for these params; `options` go to Lightning."""
    gpu = uses_gpu(params.runtime)
    train = params.train
    plugins: list[Any] = [SafetensorsCheckpointIO()]
    precision: dict[str, Any] = {"precision": train.precision}
    if train.precision == "16-mixed" and not gpu:
        # Lightning quietly trains in bf16 when asked for fp16 on a CPU; torch can do the real thing
        plugins.append(_HalfOnCpu("16-mixed", "cpu"))
        precision = {}
    _quieten_lightning()
    # what is not initialised is never read, and filling it takes a kernel for each tensor
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=1,
        # pytorch-forecasting's TFT interpolates, and CUDA has no deterministic backward pass for that
        deterministic="warn" if gpu else True,
        benchmark=False,
        gradient_clip_val=train.gradient_clip_val or None,
        accumulate_grad_batches=train.gradient_accumulation,
        log_every_n_steps=train.log_every_n_steps,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        plugins=plugins,
        **precision,
        **options,
    )


class _HalfOnCpu(MixedPrecision):
    """fp16 on a CPU, without oneDNN, which has no fp16 LSTM to train with on many CPUs and then fails."""

    @contextmanager
    def forward_context(self) -> Iterator[None]:
        """Autocast with torch's own kernels."""
        with super().forward_context(), torch.backends.mkldnn.flags(enabled=False):
            yield


def _quieten_lightning() -> None:
    # advice that does not apply: workers are the user's choice, checkpoint folders are ours to reuse,
    # and the log interval may exceed a small epoch
    for message in (
        ".*does not have many workers.*",
        ".*You defined a `validation_step` but have no `val_dataloader`.*",
        ".*exists and is not empty.*",
        ".*is smaller than the logging interval.*",
        ".*You're resuming from a checkpoint that ended before the epoch ended.*",
        ".*`lr_scheduler.step\\(\\)` before `optimizer.step\\(\\)`.*",
        ".*TF32 acceleration on top of oneDNN.*",
        ".*RNN module weights are not part of single contiguous chunk of memory.*",
    ):
        warnings.filterwarnings("ignore", message=message)

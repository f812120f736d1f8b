"""Clocks and high-water marks of one training run."""

from __future__ import annotations

import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from hostcast.benchmark.memory import MIB, peak_resident_mib, workers_own_mib

__all__ = ["BatchClock", "Stopwatch"]


class Stopwatch(Callback):
    """Time one whole epoch, the last, and read the peaks of memory at its end.

    It belongs before all other callbacks, so that the clock sees what they do. The device is waited for
    whenever a clock is read.

    Args:
        epoch: the last epoch, from 0.

    Attributes:
        seconds: training, validation, logs and checkpoints.
        peak_memory_mib: largest resident memory of this process, plus what its workers don't share with it.
        peak_gpu_memory_mib: largest memory allocated on the GPU; None without one.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.seconds = 0.0
        self.peak_memory_mib = 0.0
        self.peak_gpu_memory_mib: float | None = None
        self._start = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        if trainer.current_epoch == self.epoch:
            self._start = _now(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock, then look at the memory while the workers are still alive."""
        self.seconds = _now(pl_module) - self._start
        self.peak_memory_mib = peak_resident_mib() + workers_own_mib()
        if pl_module.device.type == "cuda":
            self.peak_gpu_memory_mib = torch.cuda.max_memory_allocated() / MIB


class BatchClock(Callback):
    """Time an epoch's training batches, from before the first is asked for.

    It belongs behind all other callbacks, so that the clock does not see what they do when an epoch begins.

    Args:
        epoch: the epoch to time, from 0.

    Attributes:
        seconds: until the end of the last batch.
        batches: number of batches.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.seconds = 0.0
        self.batches = 0
        self._start = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        if trainer.current_epoch == self.epoch:
            self._start = _now(pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch, and stop the clock after the last one."""
        if trainer.current_epoch == self.epoch:
            self.batches += 1
            if trainer.is_last_batch:
                self.seconds = _now(pl_module) - self._start


def _now(module: LightningModule) -> float:
    if module.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()

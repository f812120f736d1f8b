"""How far training is, how fast it goes and when it will be done."""

from __future__ import annotations

import logging
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar

from hostcast.training.module import ForecastModule

__all__ = ["EpochLines", "WindowsPerSecondBar"]

log = logging.getLogger(__name__)


class EpochLines(Callback):
    """One log line per epoch, and windows/s to TensorBoard.

    The speed is that of the epoch's training batches alone, validation not counted.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.windows_per_second = 0.0
        self._started = 0.0
        self._epoch_started = 0.0
        self._batches = 0
        self._elapsed = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = self._epoch_started = time.monotonic()
        self._batches, self._elapsed = 0, 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch."""
        self._batches += 1
        self._elapsed = time.monotonic() - self._started
        self.windows_per_second = self._batches * self.batch_size / max(self._elapsed, 1e-9)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock for a validation in mid-epoch."""
        self._paused = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on."""
        self._started += time.monotonic() - self._paused

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say how the epoch went."""
        assert isinstance(pl_module, ForecastModule)
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 0
        validation = trainer.callback_metrics.get("val_loss")
        left = (epochs - epoch) * (time.monotonic() - self._epoch_started)
        log.info(
            "epoch %d/%d  train %.4f%s  rate %.2e  %.0f windows/s  at most %s left",
            epoch,
            epochs,
            pl_module.mean_train_loss(),
            "" if validation is None else f"  validation {float(validation):.4f}",
            trainer.optimizers[0].param_groups[0]["lr"],
            self.windows_per_second,
            f"{left / 60:.1f} min",
        )
        for logger in trainer.loggers:
            logger.log_metrics({"windows_per_second": self.windows_per_second}, step=trainer.global_step)


class WindowsPerSecondBar(TQDMProgressBar):
    """Lightning's progress bar (with the epoch's ETA), and windows/s."""

    def __init__(self, lines: EpochLines) -> None:
        super().__init__(refresh_rate=1)
        self.lines = lines

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """What stands behind the bar."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return {**metrics, "windows/s": f"{self.lines.windows_per_second:.0f}"}

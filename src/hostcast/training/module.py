"""The Lightning module around a network: loss, logging, optimiser."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import quote

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.optim import Optimizer

from hostcast.engines import Engine, Network
from hostcast.errors import HostcastError
from hostcast.params import TrainParams
from hostcast.training.loss import pinball_sums
from hostcast.training.schedules import lr_schedule
from hostcast.windows import Batch, InputSpec

__all__ = ["TARGET_LOSS", "ForecastModule"]

# what follows is quoted: loggers make files of metric names, and a column may be called ../..
TARGET_LOSS = "val_loss_of_"


class ForecastModule(LightningModule):
    """Trains a network on the pinball loss of all targets.

    Each target's loss is divided by its mean absolute value over the training span, so the loss is
    the mean over targets of a wQL and no unit dominates. Validation loss is taken over all validation
    windows at once, not averaged over batches.

    Args:
        network: what is trained.
        engine: unpacks batches.
        spec: inputs and scales.
        train: the params of the stage.
        learning_rate: peak rate.
        monitor: the loss that `lr_schedule: plateau` looks at.
    """

    levels: Tensor
    target_weights: Tensor
    fleet_spreads: Tensor
    train_loss: Tensor
    train_values: Tensor
    validation_loss: Tensor
    validation_values: Tensor

    def __init__(
        self,
        network: Network,
        engine: Engine,
        spec: InputSpec,
        train: TrainParams,
        learning_rate: float,
        *,
        monitor: str = "val_loss",
    ) -> None:
        super().__init__()
        self.network = network
        self.engine = engine
        self.spec = spec
        self.train_params = train
        self.learning_rate = learning_rate
        self.monitor = monitor
        weights = torch.tensor(
            [train.target_weights.get(name, 1.0) / spec.target_scales[name].loss for name in spec.targets]
        )
        self.register_buffer("levels", torch.tensor(spec.quantiles), persistent=False)
        self.register_buffer("target_weights", weights, persistent=False)
        spreads = torch.tensor([spec.target_scales[name].fleet.spread for name in spec.targets])
        self.register_buffer("fleet_spreads", spreads, persistent=False)
        count = len(spec.targets)
        for part in ("train", "validation"):
            for quantity in ("loss", "values"):
                zeros = torch.zeros(count, dtype=torch.float64)
                self.register_buffer(f"{part}_{quantity}", zeros, persistent=False)

    def forward(self, raw: Any) -> tuple[Batch, Any]:
        """The batch and the network's forecast of it."""
        batch = self.engine.unpack(raw, self.spec)
        return batch, self.network(batch)

    def training_step(self, raw: Any, batch_idx: int) -> Tensor:
        """One batch's loss."""
        batch = self.engine.unpack(raw, self.spec)
        mean = self._batch_loss(batch)
        self._log_step(mean, batch)
        return mean

    def validation_step(self, raw: Any, batch_idx: int) -> None:
        """Add one batch to the validation loss."""
        batch = self.engine.unpack(raw, self.spec)
        self._add("validation", *self._sums(batch, batch.spread))

    def on_train_epoch_start(self) -> None:
        """Forget the last epoch's sums."""
        self._clear("train")

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation's sums."""
        self._clear("validation")

    def on_validation_epoch_end(self) -> None:
        """Log the loss of the whole validation, overall and per target."""
        total = self._weigh(self.validation_loss, self.validation_values)
        if not torch.isfinite(total):
            raise self._diverged("validation", total.item())
        self.log("val_loss", total.float())
        each = self._mean(self.validation_loss, self.validation_values) * self.target_weights
        for name, value in zip(self.spec.targets, each, strict=True):
            self.log(f"{TARGET_LOSS}{quote(name, safe='')}", value.float())

    def on_train_epoch_end(self) -> None:
        """Log the epoch's mean training loss."""
        loss = self.mean_train_loss()
        if not math.isfinite(loss):
            raise self._diverged("training", loss)
        self.log("train_loss", loss)

    def mean_train_loss(self) -> float:
        """Training loss of the epoch so far."""
        return float(self._weigh(self.train_loss, self.train_values))

    def configure_optimizers(self) -> Any:
        """AdamW and the schedule that the params name."""
        return self._optimizers(lr=self.learning_rate)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Lightning's hook; its own refuses a fused optimiser in bf16 too, where nothing is unscaled."""
        if gradient_clip_val:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def _optimizers(self, **options: Any) -> Any:
        train = self.train_params
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            weight_decay=train.weight_decay,
            # a fused step would unscale fp16's gradients itself, after they were clipped
            fused=train.precision != "16-mixed",
            **options,
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = lr_schedule(optimizer, train, steps=steps, monitor=self.monitor)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _batch_loss(self, batch: Batch) -> Tensor:
        """Mean over targets; the sums are added to the epoch's."""
        loss, values = self._sums(batch, self._evened(batch.spread))
        self._add("train", loss, values)
        return self._weigh(loss, values)

    def _log_step(self, loss: Tensor, batch: Batch) -> None:
        if (self.global_step + 1) % self.train_params.log_every_n_steps == 0:
            # logging takes longer than a small step on a GPU
            self.log("train_loss_step", loss, batch_size=batch.size)

    def _diverged(self, which: str, loss: float) -> HostcastError:
        return HostcastError(
            f"training diverged in epoch {self.current_epoch}: the {which} loss is {loss}",
            remedy="lower train.learning_rate or train.gradient_clip_val, "
            "or use train.precision bf16-mixed instead of 16-mixed",
        )

    def _evened(self, spread: Tensor) -> Tensor:
        """Weights of windows, (batch, targets), that differ less than their spreads do.

        In the targets' units a few windows that vary much outweigh all others, and what is learned from
        them alone is noise.
        """
        power = self.train_params.spread_power
        return spread if power == 1 else spread**power * self.fleet_spreads ** (1 - power)

    def _sums(self, batch: Batch, weight: Tensor) -> tuple[Tensor, Tensor]:
        quantiles = self.network(batch).quantiles
        return pinball_sums(quantiles, batch.target, batch.observed, weight, self.levels)

    def _mean(self, loss: Tensor, values: Tensor) -> Tensor:
        return loss / values.clamp(min=1.0)

    def _weigh(self, loss: Tensor, values: Tensor) -> Tensor:
        return (self._mean(loss, values) * self.target_weights).mean()

    def _add(self, part: str, loss: Tensor, values: Tensor) -> None:
        getattr(self, f"{part}_loss").add_(loss.detach())
        getattr(self, f"{part}_values").add_(values.detach())

    def _clear(self, part: str) -> None:
        getattr(self, f"{part}_loss").zero_()
        getattr(self, f"{part}_values").zero_()

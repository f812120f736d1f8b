"""Section `train`: how the network is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hostcast.params.sections.section import PositiveInt, Section

__all__ = ["TrainParams"]

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]


class TrainParams(Section):
    engine: Literal["fused", "reference"]
    compile: bool
    precision: Precision
    epochs: PositiveInt
    batch_size: PositiveInt
    windows_per_epoch: PositiveInt | None
    validation_windows: PositiveInt | None
    learning_rate: Annotated[float, Field(gt=0)]
    lr_schedule: Literal["plateau", "cosine", "one_cycle"]
    lr_warmup: Annotated[float, Field(ge=0, lt=1)]
    lr_finder: bool
    weight_decay: Annotated[float, Field(ge=0)]
    gradient_accumulation: PositiveInt
    gradient_clip_val: Annotated[float, Field(ge=0)]
    early_stopping_patience: PositiveInt
    reduce_on_plateau_patience: PositiveInt
    save_top_k_checkpoints: PositiveInt
    checkpoint_every_n_epochs: PositiveInt
    val_check_interval: Annotated[float, Field(gt=0, le=1)]
    log_every_n_steps: PositiveInt
    tensorboard_enabled: bool
    server_dropout: Annotated[float, Field(ge=0, lt=1)]
    target_weights: dict[str, Annotated[float, Field(gt=0)]]
    refit: bool
    spread_power: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _some_checkpoint(self) -> TrainParams:
        shortest = min(self.epochs, self.early_stopping_patience + 1)
        if self.checkpoint_every_n_epochs > shortest:
            raise ValueError(
                f"checkpoint_every_n_epochs {self.checkpoint_every_n_epochs} saves nothing in a training "
                f"that may last {shortest} epochs (epochs, or early_stopping_patience + 1)"
            )
        return self

"""Training params of the benchmark's own, spelled out."""

from __future__ import annotations

from typing import Any

from hostcast.params import TrainParams

__all__ = ["own_training"]


def own_training(**changes: Any) -> TrainParams:
    """All of section `train`: a changed train.* neither reruns the benchmark nor changes what it compares.

    Args:
        changes: engine, precision, epochs, batch_size, windows_per_epoch, validation_windows at least.
    """
    content: dict[str, Any] = {
        "compile": False,
        "learning_rate": 0.01,
        # a plateau that is never reached is a constant rate
        "lr_schedule": "plateau",
        "reduce_on_plateau_patience": changes["epochs"],
        "lr_warmup": 0.1,
        "lr_finder": False,
        "weight_decay": 0.0,
        "gradient_accumulation": 1,
        "gradient_clip_val": 0.1,
        "early_stopping_patience": changes["epochs"],
        "save_top_k_checkpoints": 3,
        "checkpoint_every_n_epochs": 1,
        "val_check_interval": 1.0,
        "log_every_n_steps": 50,
        "tensorboard_enabled": False,
        "server_dropout": 0.0,
        "spread_power": 1.0,
        "refit": False,
        "target_weights": {},
    }
    return TrainParams(**{**content, **changes})

"""Learning-rate schedules, as Lightning takes them."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau

from hostcast.params import TrainParams

__all__ = ["lr_schedule"]


def lr_schedule(
    optimizer: Optimizer, train: TrainParams, *, steps: int, monitor: str = "val_loss"
) -> dict[str, Any]:
    """The schedule that `train.lr_schedule` names.

    Args:
        optimizer: holds the peak rate.
        train: the params of the stage.
        steps: optimiser steps of the whole training, were it never stopped early.
        monitor: the loss that `plateau` looks at.
    """
    match train.lr_schedule:
        case "plateau":
            plateau = ReduceLROnPlateau(optimizer, factor=0.1, patience=train.reduce_on_plateau_patience)
            return {"scheduler": plateau, "interval": "epoch", "monitor": monitor}
        case "cosine":
            warmup = max(1, round(train.lr_warmup * steps))

            def factor(step: int) -> float:
                if step < warmup:
                    return (step + 1) / warmup
                done = (step - warmup) / max(1, steps - warmup)
                return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

            return {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}
        case "one_cycle":
            cycle = OneCycleLR(
                optimizer,
                max_lr=[group["lr"] for group in optimizer.param_groups],
                total_steps=max(steps, 1),
                # 0 would divide by zero within torch
                pct_start=max(train.lr_warmup, 1e-6),
            )
            return {"scheduler": cycle, "interval": "step"}

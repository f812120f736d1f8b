"""Fresh seeds for each epoch."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer

from hostcast.training.seeds import seed_everything

__all__ = ["EpochSeeds"]


class EpochSeeds(Callback):
    """Seed dropout by (seed, epoch), so a resumed epoch repeats an uninterrupted one."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Epoch 0 is the seed of the initial weights, so training starts at 1."""
        seed_everything(self.seed, trainer.current_epoch + 1)

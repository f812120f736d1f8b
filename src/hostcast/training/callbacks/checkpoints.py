"""The best checkpoints and the last."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from hostcast.params import TrainParams
from hostcast.training.checkpoint_io import EXTENSION

__all__ = ["TopCheckpoints"]


class TopCheckpoints(ModelCheckpoint):
    """Keep the `save_top_k_checkpoints` best by validation loss, and the last."""

    FILE_EXTENSION = EXTENSION

    def __init__(self, folder: Path, train: TrainParams) -> None:
        super().__init__(
            dirpath=folder,
            filename="tft-{epoch:02d}-{val_loss:.4f}",
            monitor="val_loss",
            mode="min",
            save_top_k=train.save_top_k_checkpoints,
            every_n_epochs=train.checkpoint_every_n_epochs,
            save_last=True,
            # a resumed run writes the files of the interrupted one again, not a second version beside
            enable_version_counter=False,
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let `last` be how training ended, even where its last epoch was not one to save."""
        if self._last_global_step_saved != trainer.global_step:
            trainer.save_checkpoint(Path(str(self.dirpath)) / f"{self.CHECKPOINT_NAME_LAST}{EXTENSION}")

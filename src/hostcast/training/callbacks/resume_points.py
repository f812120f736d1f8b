"""Saving what a killed run goes on from."""

from __future__ import annotations

from lightning.pytorch import Callback, LightningModule, Trainer

from hostcast.training.resume import RunState

__all__ = ["ResumePoints"]


class ResumePoints(Callback):
    """Save everything at the start of each epoch but the first.

    Not at the end of the last one: Lightning steps epoch-wise schedules after its end-of-epoch hooks,
    and a checkpoint from there would resume with a schedule one epoch behind.
    """

    def __init__(self, state: RunState) -> None:
        self.state = state

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save before the epoch's first step."""
        # The saved batch counts are still those of the epoch before: restored as they are, Lightning would
        # take the resumed epoch for done and skip it. Not restarting, its loop counts from zero.
        trainer.fit_loop.epoch_loop.restarting = False
        if trainer.current_epoch > 0:
            self.state.save_point(trainer)

"""Per-epoch metrics: kept for reports, written by dvclive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, LightningModule, Trainer

from hostcast.training.module import TARGET_LOSS, ForecastModule

if TYPE_CHECKING:
    from dvclive.live import Live

__all__ = ["History"]


class History(Callback):
    """Collect one row per epoch and log it through dvclive.

    The rows travel in checkpoints, so a resumed run writes the same files as an uninterrupted one.
    No clock enters them: DVC hashes these files.

    Args:
        folder: dvclive's folder; None = keep the rows only.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self._live: Live | None = None

    def state_dict(self) -> dict[str, Any]:
        """Rows so far."""
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Rows of the interrupted run."""
        self.rows = [dict(row) for row in state_dict["rows"]]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open dvclive and repeat what an interrupted run had logged."""
        if self.folder is None:
            return
        # only who writes there needs it
        from dvclive.live import Live

        self._live = Live(
            dir=str(self.folder), dvcyaml=None, save_dvc_exp=False, report=None, monitor_system=False
        )
        for row in self.rows:
            self._log(row)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the epoch's row."""
        assert isinstance(pl_module, ForecastModule)
        metrics = trainer.callback_metrics
        row = {"epoch": float(trainer.current_epoch), "train_loss": pl_module.mean_train_loss()}
        row["val_loss"] = float(metrics["val_loss"])
        row |= {name: float(value) for name, value in sorted(metrics.items()) if name.startswith(TARGET_LOSS)}
        row["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        self.rows.append(row)
        self._log(row)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close dvclive."""
        if self._live is not None:
            self._live.end()  # type: ignore[no-untyped-call]
            self._live = None

    def _log(self, row: dict[str, float]) -> None:
        if self._live is None:
            return
        for name, value in row.items():
            if name != "epoch":
                self._live.log_metric(name, value)
        self._live.next_step()  # type: ignore[no-untyped-call]

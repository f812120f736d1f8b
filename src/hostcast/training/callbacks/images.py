"""Forecasts of a few validation windows as TensorBoard images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure

from hostcast.training.module import ForecastModule

__all__ = ["ForecastImages"]


class ForecastImages(Callback):
    """Draw the same windows after each epoch: actual, median and the widest interval.

    Args:
        raw: one batch of the engine's loader, holding the windows to draw.
        titles: a title for each window.
    """

    def __init__(self, raw: Any, titles: list[str]) -> None:
        self.raw = raw
        self.titles = titles

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forecast and draw."""
        assert isinstance(pl_module, ForecastModule)
        boards = [board for board in trainer.loggers if isinstance(board, TensorBoardLogger)]
        if not boards:
            return
        raw = trainer.strategy.batch_to_device(self.raw)
        pl_module.eval()
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            batch, forecast = pl_module(raw)
        pl_module.train()
        quantiles = forecast.in_units(batch).cpu().numpy()
        actual = batch.target.float() * batch.spread[:, None] + batch.center[:, None]
        shown = torch.where(batch.observed > 0, actual, torch.nan).cpu().numpy()
        for place, target in enumerate(pl_module.spec.targets):
            figure = self._draw(quantiles[:, :, place], shown[:, :, place], pl_module.spec.quantiles)
            for board in boards:
                board.experiment.add_figure(f"forecast/{target}", figure, trainer.current_epoch)

    def _draw(self, quantiles: Any, actual: Any, levels: list[float]) -> Figure:
        figure = Figure(figsize=(4.0 * len(self.titles), 3.0), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, len(self.titles)))
        ahead = np.arange(1, actual.shape[1] + 1)
        middle = levels.index(0.5)
        for window, (axis, title) in enumerate(zip(axes, self.titles, strict=True)):
            band = quantiles[window]
            axis.fill_between(ahead, band[:, 0], band[:, -1], alpha=0.25, linewidth=0)
            axis.plot(ahead, band[:, middle], label="median")
            axis.plot(ahead, actual[window], color="black", linewidth=1, label="actual")
            axis.set_title(title.encode("ascii", "backslashreplace").decode()[:40], fontsize=8)
            axis.set_xlabel("steps ahead")
        axes[0].legend(fontsize=7)
        return figure

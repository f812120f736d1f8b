"""The learning-rate finder."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from typing import Any

from lightning.pytorch.tuner.tuning import Tuner

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.training.module import ForecastModule
from hostcast.training.trainer import make_trainer

__all__ = ["find_learning_rate"]

TRIALS = 60


def find_learning_rate(module: ForecastModule, loader: Any, params: Params) -> float:
    """The rate at which the loss falls steepest in a short run of rising rates.

    Smith (2017), "Cyclical learning rates for training neural networks", as Lightning implements it.

    Args:
        module: trained for a moment, then restored.
        loader: training batches.
        params: precision, clipping and device.

    Raises:
        HostcastError: no rate stands out.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(
            params,
            max_epochs=1_000,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            default_root_dir=folder,
        )
        quiet = not (params.runtime.progress and sys.stderr.isatty())
        # the finder draws its own bar and has no switch for it
        with contextlib.redirect_stderr(io.StringIO()) if quiet else contextlib.nullcontext():
            finder = Tuner(trainer).lr_find(
                module,
                train_dataloaders=loader,
                min_lr=1e-5,
                max_lr=0.3,
                num_training=TRIALS,
                update_attr=False,
            )
    found = finder.suggestion() if finder is not None else None
    if found is None:
        raise HostcastError(
            "the learning-rate finder found no rate at which the loss falls",
            file="params.yaml",
            remedy="set train.lr_finder to false and train.learning_rate by hand",
        )
    return float(found)

"""From a table on disk to the first step of training."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from hostcast.benchmark.memory import forget_peak, peak_resident_mib
from hostcast.benchmark.quiet import quieten
from hostcast.benchmark.recipe import own_training
from hostcast.features import FeatureTable, read_roles
from hostcast.params import Params
from hostcast.paths import FEATURES, ROLES, SPLIT, WINDOWS
from hostcast.splitting import read_split
from hostcast.training import RunState, require_current, train

__all__ = ["FirstStep", "first_step"]

BATCH = 128


@dataclass(frozen=True)
class FirstStep:
    """What came before the first step was done.

    Attributes:
        rows: of the features table.
        windows: to train on.
        seconds: from opening the table on; libraries are loaded by then.
        peak_mib: largest resident memory of the training, libraries included.
    """

    rows: int
    windows: int
    seconds: float
    peak_mib: float


class _Clock(Callback):
    def __init__(self) -> None:
        self.first: float | None = None

    def on_train_batch_end(self, *_: Any) -> None:
        self.first = self.first or time.perf_counter()


def first_step(job: tuple[Path, Params]) -> FirstStep:
    """Train a few steps; of these, the first is timed.

    Args:
        job: folder that takes the place of the project's root, and params.
    """
    folder, params = job
    quieten()
    recipe = own_training(
        engine="fused",
        precision="32-true",
        epochs=1,
        batch_size=BATCH,
        windows_per_epoch=4 * BATCH,
        validation_windows=BATCH,
    )
    params = params.model_copy(update={"train": recipe})
    clock = _Clock()
    forget_peak()
    start = time.perf_counter()
    features, roles = FeatureTable.open(folder / FEATURES), read_roles(folder / ROLES)
    split = read_split(folder / SPLIT, folder / WINDOWS)
    require_current(features, roles, split, params)
    with tempfile.TemporaryDirectory(prefix="hostcast-") as state:
        train(features, roles, split, params, RunState(Path(state), "benchmark"), callbacks=[clock])
    assert clock.first is not None, "an epoch has steps"
    return FirstStep(features.rows, len(split.cutoff_runs("train")), clock.first - start, peak_resident_mib())

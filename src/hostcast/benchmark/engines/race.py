"""One training against the clock."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from hostcast.benchmark.engines.data import Data, open_data
from hostcast.benchmark.engines.shapes import Device
from hostcast.benchmark.quiet import quieten
from hostcast.params import Params
from hostcast.state import state_folder
from hostcast.training import RunState, train

__all__ = ["Course", "Race", "Validation", "reached_at", "run_race"]


@dataclass(frozen=True)
class Race:
    """One training; it travels to a process of its own.

    Attributes:
        folder: project that holds data/features and data/split.
        params: the project's params, section `train` being this training's.
        device: what to run on.
        threads: torch's compute threads.
        seed: of weights, batches and dropout.
        goal: stop at a validation loss of this or less; None = go on as long as `train` does.
    """

    folder: Path
    params: Params
    device: Device
    threads: int
    seed: int
    goal: float | None


@dataclass(frozen=True)
class Validation:
    """One validation: when, since training was called, and what it came to."""

    seconds: float
    val_loss: float


@dataclass(frozen=True)
class Course:
    """All validations of a training.

    Attributes:
        engine: that trained.
        seed: of the training.
        validations: in their order.
        seconds: until training was over.
    """

    engine: str
    seed: int
    validations: list[Validation]
    seconds: float

    @property
    def best(self) -> float:
        """The lowest validation loss."""
        return min(one.val_loss for one in self.validations)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def reached_at(course: Course, goal: float) -> float | None:
    """Seconds until the first validation with a loss of at most `goal`; None if there was none."""
    return next((one.seconds for one in course.validations if one.val_loss <= goal), None)


def run_race(race: Race) -> Course:
    """Train as the stage `train` does, and note each validation.

    The clock starts before the data is read; imports were done before.
    """
    quieten()
    torch.set_num_threads(race.threads)
    if race.device == "cuda":
        # making the GPU's context belongs to the process
        torch.zeros(1, device="cuda")
    params = race.params.model_copy(
        update={
            "base": race.params.base.model_copy(update={"random_seed": race.seed}),
            "runtime": race.params.runtime.model_copy(
                update={"progress": False, "accelerator": "gpu" if race.device == "cuda" else "cpu"}
            ),
        }
    )
    parent = state_folder()
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="benchmark-") as scratch:
        log = _Log(race.goal)
        data = open_data(race.folder)
        own = _with_lengths_of(data, params)
        train(data.features, data.roles, data.split, own, RunState(Path(scratch), "0" * 64), callbacks=[log])
        return Course(params.train.engine, race.seed, log.validations, log.elapsed())


class _Log(Callback):
    def __init__(self, goal: float | None) -> None:
        self.goal = goal
        self.validations: list[Validation] = []
        self._start = time.perf_counter()

    def elapsed(self) -> float:
        return time.perf_counter() - self._start

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # fetching the loss waits for the device
        loss = float(trainer.callback_metrics["val_loss"])
        self.validations.append(Validation(self.elapsed(), loss))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # in mid-epoch no checkpoint would have been kept
        if self.goal is not None and min(one.val_loss for one in self.validations) <= self.goal:
            trainer.should_stop = True


def _with_lengths_of(data: Data, params: Params) -> Params:
    """Params that fit the data, which may be another project's."""
    report = data.split.report
    length = int(report["encoder_length"])
    return params.model_copy(
        update={
            "base": params.base.model_copy(
                update={"freq": data.roles.freq, "target_metrics": data.roles.targets}
            ),
            "split": params.split.model_copy(
                update={
                    "encoder_length": length,
                    "min_encoder_length": min(params.split.min_encoder_length, length),
                    "horizon": int(report["horizon"]),
                }
            ),
        }
    )

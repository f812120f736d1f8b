"""Time to quality: seconds until the validation loss that the reference engine reaches."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from pydantic import ValidationError

from hostcast.benchmark.engines.data import Data, open_data
from hostcast.benchmark.engines.shapes import Device
from hostcast.benchmark.isolation import in_fresh_process
from hostcast.benchmark.quiet import quieten
from hostcast.errors import HostcastError
from hostcast.params import Params, TrainParams
from hostcast.paths import FEATURES, ROLES, SPLIT, WINDOWS
from hostcast.state import state_folder
from hostcast.training import RunState, train

__all__ = ["Course", "QualityRun", "Race", "Validation", "race_engines", "reached_at", "recipes", "run_race"]

log = logging.getLogger(__name__)


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


def recipes(params: Params, engines: Mapping[str, str]) -> dict[str, Params]:
    """By role, the params of a training: section `train`, with overrides of its own.

    Both are validated on the same windows, by the same loss.

    Args:
        params: the project's params.
        engines: names of the engines by role, reference and fused.

    Raises:
        HostcastError: the overrides don't make a valid section `train`.
    """
    budget = params.benchmark
    reference = _overridden(params, budget.reference_recipe, "reference", engines)
    same = {
        "validation_windows": reference.train.validation_windows,
        "target_weights": reference.train.target_weights,
    }
    fused = _overridden(params, {**budget.fused_recipe, **same}, "fused", engines)
    return {"reference": reference, "fused": fused}


@dataclass(frozen=True)
class QualityRun:
    """One training beside its counterpart.

    Attributes:
        data: name of the data it trained on.
        repeat: number of the pair, from 0.
        role: reference or fused.
        course: its validations.
        goal: the reference's best validation loss in this pair.
        seconds: until that was reached; None if it was not.
    """

    data: str
    repeat: int
    role: str
    course: Course
    goal: float
    seconds: float | None


def race_engines(
    data: str, folder: Path, params: Mapping[str, Params], device: Device, threads: int
) -> tuple[list[QualityRun], str | None]:
    """Train both engines, the reference to its own early stop, the other as far as that.

    Args:
        data: name of the data.
        folder: project that holds it.
        params: by role; see `recipes`.
        device: what to run on.
        threads: torch's compute threads.

    Returns:
        All trainings, and why there are none where the data is missing.
    """
    absent = [path for path in (FEATURES, ROLES, SPLIT, WINDOWS) if not (folder / path).exists()]
    if absent:
        log.warning("no time to quality on %s: there is no %s", data, folder / absent[0])
        return [], f"there is no {folder / absent[0]}"
    runs: list[QualityRun] = []
    for repeat in range(params["reference"].benchmark.quality_repeats):
        goal: float | None = None
        for role in ("reference", "fused"):
            own = params[role]
            seed = (own.base.random_seed + repeat) % 2**32
            race = Race(folder, own, device, threads, seed, goal)
            course = in_fresh_process(run_race, race, label=f"{data}, time to quality, {role}")
            goal = course.best if goal is None else goal
            runs.append(QualityRun(data, repeat, role, course, goal, reached_at(course, goal)))
            log.info("%s, seed %d, %s: %s", data, seed, role, _outcome(runs[-1]))
    return runs, None


def _outcome(run: QualityRun) -> str:
    if run.seconds is None:
        return f"validation loss {run.course.best:.5f} at best, {run.goal:.5f} not reached"
    return f"validation loss {run.goal:.5f} after {run.seconds:.1f} s"


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


def _overridden(params: Params, changes: Mapping[str, Any], role: str, engines: Mapping[str, str]) -> Params:
    own = {"engine": engines[role], "tensorboard_enabled": False}
    content = {**params.train.model_dump(), **changes, **own}
    try:
        train_params = TrainParams.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise HostcastError(
            f"benchmark.{role}_recipe: {place}: {first['msg']}",
            file="params.yaml",
            remedy="name keys of section train there, with values that train.* may have",
        ) from None
    return params.model_copy(update={"train": train_params})


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

"""What is compared: the founding document's baseline, and one change to it at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from hostcast.benchmark.recipe import own_training
from hostcast.params import Params

__all__ = ["BASELINE", "EPOCHS", "MATRIX", "Claim", "Configuration", "configurations"]

BASELINE = "baseline"
# the founding document's own benchmark script; the others complete its table of expected gains
MATRIX = (BASELINE, "workers", "mixed_precision", "all")

# The first epoch warms up: it starts the workers and does whatever is done only once in a training. The
# second is timed; what the end of the first did to its arithmetic would show in its loss.
EPOCHS = 2


@dataclass(frozen=True)
class Claim:
    """A row of the founding document's table of expected gains, each a share: -0.6 is 60 % less.

    Attributes:
        title: the document's name of the improvement.
        time: change of the training time.
        memory: change of the memory used.
        quality: change of the model's quality; positive is better.
    """

    title: str
    time: float
    memory: float
    quality: float


@dataclass(frozen=True)
class Configuration:
    """One column of switches, all off in the baseline.

    Attributes:
        name: as it appears in every table.
        claim: what the founding document expects of it; None for the baseline.
        engine: that trains; the document's own is the reference.
        same_loss: it must not change the validation loss by a single bit.
    """

    name: str
    claim: Claim | None = None
    engine: str = "reference"
    checkpointing: bool = False
    workers: bool = False
    tensorboard: bool = False
    lr_scheduling: bool = False
    mixed_precision: bool = False
    multi_target: bool = False
    same_loss: bool = False

    def params(self, params: Params, *, seed: int, gpu: bool) -> Params:
        """The params it trains with; what the document's baseline has no notion of is switched off.

        Args:
            params: of these, benchmark and model are read.
            seed: of weights, batches and dropout.
            gpu: whether batches go to a GPU, and so may be page-locked.
        """
        budget = params.benchmark
        train = own_training(
            engine=self.engine,
            precision=budget.precision if self.mixed_precision else "32-true",
            epochs=EPOCHS,
            batch_size=budget.batch_size,
            windows_per_epoch=budget.batches * budget.batch_size,
            validation_windows=budget.validation_batches * budget.batch_size,
            lr_schedule="cosine" if self.lr_scheduling else "plateau",
            tensorboard_enabled=self.tensorboard,
        )
        runtime = params.runtime.model_copy(
            update={
                "num_workers": budget.num_workers if self.workers else 0,
                "pin_memory": self.workers and gpu,
                "persistent_workers": self.workers,
                "progress": False,
            }
        )
        base = params.base.model_copy(update={"random_seed": seed})
        return params.model_copy(update={"base": base, "train": train, "runtime": runtime})


def configurations() -> list[Configuration]:
    """The baseline, each improvement alone in the order of the document's table, and all together."""
    single = [
        Configuration(
            "checkpointing", Claim("Checkpointing", 0.0, 0.05, 0.0), checkpointing=True, same_loss=True
        ),
        Configuration("workers", Claim("Multi-threading", -0.6, 0.0, 0.0), workers=True, same_loss=True),
        Configuration(
            "tensorboard", Claim("TensorBoard", -0.02, 0.01, 0.0), tensorboard=True, same_loss=True
        ),
        Configuration("lr_scheduling", Claim("LR Scheduling", -0.1, 0.0, 0.05), lr_scheduling=True),
        Configuration("mixed_precision", Claim("Mixed Precision", -0.5, -0.5, 0.0), mixed_precision=True),
        Configuration("multi_target", Claim("Multi-target", 0.2, 0.3, 0.15), multi_target=True),
    ]
    combined = _all_of(single)
    claim = Claim("Combined, engine fused", -0.7, -0.3, 0.2)
    return [
        Configuration(BASELINE),
        *single,
        combined,
        replace(combined, name="all_fused", claim=claim, engine="fused"),
    ]


def _all_of(single: Iterable[Configuration]) -> Configuration:
    combined = Configuration("all", Claim("Combined", -0.7, -0.3, 0.2))
    for one in single:
        switch: dict[str, Any] = {one.name: True}
        combined = replace(combined, **switch)
    return combined

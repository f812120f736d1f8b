"""Changes against the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hostcast.benchmark.gains.configurations import BASELINE, Claim, Configuration
from hostcast.benchmark.spread import Spread, spread_of

__all__ = ["Change", "Gain", "chance_of_a_false_finding", "gains"]


@dataclass(frozen=True)
class Change(Spread):
    """A relative change against the baseline, as a share, taken within each repeat.

    Attributes:
        repeats: number of repeats it was seen in.
    """

    repeats: int

    @property
    def distinguishable(self) -> bool:
        """Whether all repeats, and more than one, changed in the same direction."""
        return self.repeats > 1 and (self.low > 0 or self.high < 0)

    @property
    def exactly_none(self) -> bool:
        """Whether no repeat changed at all."""
        return self.low == self.high == 0


@dataclass(frozen=True)
class Gain:
    """What one configuration was expected to change, and what it changed.

    Attributes:
        name: of the configuration.
        claim: the founding document's row.
        time: of the seconds per epoch.
        memory: of the peak memory: the GPU's where one is used, else the processes'.
        quality: by how much the validation loss fell; positive is better.
    """

    name: str
    claim: Claim
    time: Change
    memory: Change
    quality: Change


def gains(runs: pd.DataFrame, configurations: Sequence[Configuration], *, memory: str) -> list[Gain]:
    """Compare every configuration that carries a claim with the baseline.

    Args:
        runs: one row per run.
        configurations: all that ran.
        memory: the column of `runs` that the claims on memory are held against.
    """
    return [
        Gain(
            configuration.name,
            configuration.claim,
            time=_change(runs, configuration.name, "epoch_seconds"),
            memory=_change(runs, configuration.name, memory),
            quality=_change(runs, configuration.name, "validation_loss", sign=-1.0),
        )
        for configuration in configurations
        if configuration.claim is not None
    ]


def chance_of_a_false_finding(repeats: int) -> float:
    """Chance that a change which is nothing but noise goes the same way in all repeats."""
    return float(min(1.0, 2.0 ** (1 - repeats)))


def _change(runs: pd.DataFrame, name: str, column: str, sign: float = 1.0) -> Change:
    values = runs.pivot(index="repeat", columns="configuration", values=column)
    # adding zero turns -0.0 into 0.0
    each = sign * (values[name] / values[BASELINE] - 1) + 0.0
    spread = spread_of(each)
    return Change(spread.median, spread.low, spread.high, len(each))

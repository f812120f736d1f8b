"""Speed that changes the result is no gain: what must hold among the runs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hostcast.benchmark.gains.configurations import BASELINE, Configuration
from hostcast.errors import HostcastError

__all__ = ["MIXED_PRECISION_TOLERANCE", "check_same_loss", "precision_deviation"]

# largest relative deviation of the mixed-precision validation loss that counts as the same training
MIXED_PRECISION_TOLERANCE = 0.05


def check_same_loss(runs: pd.DataFrame, configurations: Sequence[Configuration]) -> None:
    """Hold the configurations that must not touch the arithmetic to the baseline, bit for bit.

    Args:
        runs: columns configuration, repeat, validation_loss.
        configurations: all that ran.

    Raises:
        HostcastError: one ended with another validation loss than the baseline of its repeat.
    """
    losses = runs.pivot(index="repeat", columns="configuration", values="validation_loss")
    for configuration in configurations:
        if not configuration.same_loss:
            continue
        name = configuration.name
        differ = losses[losses[name] != losses[BASELINE]]
        if len(differ):
            repeat, row = differ.index[0], differ.iloc[0]
            raise HostcastError(
                f"{name} changed the validation loss in {len(differ)} of {len(losses)} repeats, "
                f"e.g. {row[name]!r} instead of {row[BASELINE]!r} in repeat {repeat}; it must not",
                remedy="the benchmark's times mean nothing until both train alike: report this as a bug, "
                "with params.yaml and the versions of torch and lightning",
            )


def precision_deviation(runs: pd.DataFrame) -> float:
    """Largest relative deviation of the mixed-precision validation loss from the baseline's of its repeat."""
    losses = runs.pivot(index="repeat", columns="configuration", values="validation_loss")
    return float((losses["mixed_precision"] / losses[BASELINE] - 1).abs().max())

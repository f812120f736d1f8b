"""Three quantiles made as wide as the validation span asks for, and more levels from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from hostcast.evaluation.baselines.task import Floats
from hostcast.evaluation.metrics import SCORED_LEVELS, pinball_loss

__all__ = ["Stretch", "fit_stretch"]

_FACTORS = np.arange(0.0, 4.01, 0.05)


@dataclass(frozen=True)
class Stretch:
    """How many times its tail's distance from the median each level lies away from the median.

    Attributes:
        levels: rising.
        factors: of each level; the tail is the lowest scored level below the median, the highest above it.
    """

    levels: Sequence[float]
    factors: Sequence[float]

    def apply(self, quantiles: Floats) -> Floats:
        """Quantiles of SCORED_LEVELS, (rows, 3), as quantiles of the levels: (rows, levels)."""
        columns = [
            _moved(quantiles, level, factor) for level, factor in zip(self.levels, self.factors, strict=True)
        ]
        stretched: Floats = np.sort(np.column_stack(columns), axis=1)
        return stretched


def fit_stretch(quantiles: Floats, actual: Floats, levels: Sequence[float]) -> Stretch:
    """Per level the factor of least pinball loss.

    Args:
        quantiles: of SCORED_LEVELS, (rows, 3), on rows that nothing was fitted to.
        actual: what was observed, (rows,). Without any row, the factors are those of a normal distribution.
        levels: rising.
    """
    factors = []
    for level in levels:
        if not len(actual):
            factors.append(_normal(level))
            continue
        losses = [pinball_loss(actual, _moved(quantiles, level, f), level).sum() for f in _FACTORS]
        factors.append(float(_FACTORS[int(np.argmin(losses))]))
    return Stretch(levels, factors)


def _moved(quantiles: Floats, level: float, factor: float) -> Floats:
    low, median, high = quantiles.T
    tail = low if level < SCORED_LEVELS[1] else high
    moved: Floats = median if level == SCORED_LEVELS[1] else median + factor * (tail - median)
    return moved


def _normal(level: float) -> float:
    return abs(NormalDist().inv_cdf(level) / NormalDist().inv_cdf(SCORED_LEVELS[0]))

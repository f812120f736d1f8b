"""Losses and checks of quantile forecasts, on plain arrays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCORED_LEVELS", "TINY", "central_intervals", "crossed", "pinball_loss", "quantile_loss"]

Floats = NDArray[np.float64]

SCORED_LEVELS = (0.1, 0.5, 0.9)
# stands in for a mean or sum of |actual| that is zero
TINY = 1e-12
_SLACK = 1e-9


def pinball_loss(actual: Floats, predicted: Floats, level: float) -> Floats:
    """Pinball loss of one quantile, in the target's unit; its expectation is least at the true quantile.

    Koenker and Bassett, "Regression Quantiles", Econometrica 46 (1978).

    Args:
        actual: (rows,) observed values.
        predicted: (rows,) forecasts of the quantile.
        level: 0 < level < 1.
    """
    error = actual - predicted
    return np.maximum(level * error, (level - 1.0) * error)


def quantile_loss(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> Floats:
    """Twice the pinball loss averaged over the levels, in the target's unit: (rows,).

    The factor two makes the loss of the median alone the absolute error.

    Args:
        actual: (rows,).
        quantiles: (rows, levels).
        levels: the level of each column.
    """
    losses = [pinball_loss(actual, quantiles[:, i], level) for i, level in enumerate(levels)]
    mean: Floats = np.mean(losses, axis=0)
    return 2.0 * mean


def crossed(quantiles: Floats) -> NDArray[np.bool_]:
    """Whether a row of quantiles, (rows, levels) by rising level, falls anywhere: (rows,)."""
    return np.asarray((np.diff(quantiles, axis=1) < -_SLACK).any(axis=1))


def central_intervals(levels: Sequence[float]) -> list[tuple[float, float, float]]:
    """The pairs of levels that lie symmetrically around 0.5, narrowest first.

    Returns:
        (low, high, nominal coverage), e.g. (0.1, 0.9, 0.8).
    """
    pairs = [
        (low, high, round(high - low, 9))
        for low, high in itertools.combinations(sorted(levels), 2)
        if abs(low + high - 1.0) < _SLACK
    ]
    return sorted(pairs, key=lambda pair: pair[2])

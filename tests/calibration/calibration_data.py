"""Forecasts whose intervals are wrong by a known amount, and what came true."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.calibration import Calibration, fit_calibration, scores_of

LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
TARGETS = ["cpu", "load"]
UNTIL = pd.Timestamp("2025-01-06T12:30Z")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Windows of servers a, b, ..., in turn.

    Attributes:
        values: (windows, horizon, targets, levels).
        actual: (windows, horizon, targets).
        spread: (windows, targets).
        servers, positions: (windows,).
    """

    values: Floats
    actual: Floats
    spread: Floats
    servers: list[str]
    positions: npt.NDArray[np.int64]

    @property
    def scores(self) -> Floats:
        """Of all pairs."""
        return scores_of(self.values, self.actual, self.spread, LEVELS)


def windows(
    count: int = 240,
    *,
    horizon: int = 5,
    servers: int = 4,
    sure: float = 0.5,
    noise: float = 1.0,
    seed: int = 0,
) -> Windows:
    """Windows of which every value is drawn by itself, so that all of them are exchangeable.

    Levels and spreads differ from window to window by orders of magnitude; the noise grows with the steps
    ahead, the intervals do not know it.

    Args:
        count: number of windows.
        horizon: steps ahead.
        servers: number of servers.
        sure: width of the intervals, where 1 would be right at the first step.
        noise: of what comes true, in units of the spread.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    spread = 10.0 ** random.uniform(-2, 3, (count, len(TARGETS)))
    center = 100.0 * spread * random.normal(size=spread.shape)
    usual = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    ahead = 1.0 + 0.3 * np.arange(horizon)[:, None]
    drawn = noise * ahead * random.standard_normal((count, horizon, len(TARGETS)))
    values = center[:, None, :, None] + spread[:, None, :, None] * sure * usual
    return Windows(
        values=np.broadcast_to(values, (count, horizon, len(TARGETS), len(LEVELS))).copy(),
        actual=center[:, None] + spread[:, None] * drawn,
        spread=spread,
        servers=[chr(ord("a") + number % servers) for number in range(count)],
        positions=np.arange(count) // servers * horizon,
    )


def fitted(given: Windows, *, least_scores: int = 1, shrinkage: float = 4.0) -> Calibration:
    """A calibration of them."""
    return fit_calibration(
        given.scores,
        given.servers,
        given.positions,
        levels=LEVELS,
        targets=TARGETS,
        until=dict.fromkeys(sorted(set(given.servers)), UNTIL),
        least_scores=least_scores,
        shrinkage=shrinkage,
    )


def nominal_of(calibration: Calibration, count: int) -> Floats:
    """What the intervals of so many windows promise."""
    return np.broadcast_to(calibration.nominal, (count, len(TARGETS), len(calibration.nominal)))

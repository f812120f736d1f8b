"""Coverage that is asked for, moved by what was observed since: adaptive conformal inference.

Gibbs and Candès, "Adaptive conformal inference under distribution shift" (NeurIPS 2021): after a miss the
next interval is asked to hold more, after a hit a little less, and in the long run the intervals hold
what they promise, however the server changes. Each server and target is followed by itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hostcast.calibration.calibration import COVERAGES, Calibration

__all__ = ["levels_in_force"]

Floats = npt.NDArray[np.float64]


def levels_in_force(calibration: Calibration, server: str, scores: Floats, rate: float) -> Floats:
    """Coverages to ask for after each step since the calibration, (windows * horizon + 1, targets, pairs).

    The windows follow each other without a gap: every step after the calibration is ahead of exactly one.
    What is in force after a step comes from the scores up to that step and from nothing later; a window is
    judged by the coverage that was in force at its own cutoff.

    Args:
        calibration: where it starts from.
        server: whose windows these are.
        scores: (windows, horizon, targets, pairs), in order; NaN = not observed (yet), which moves nothing.
        rate: by how much a horizon of nothing but misses raises the coverage, about.
    """
    count, horizon = scores.shape[:2]
    nominal = calibration.nominal
    levels = np.empty((count * horizon + 1, *scores.shape[2:]))
    levels[0] = nominal
    for window in range(count):
        begin = window * horizon
        now = levels[begin]
        correction = calibration.corrections([server], now[None])[0]
        missed = scores[window] > correction
        moved = np.where(np.isfinite(scores[window]), missed - (1.0 - nominal), 0.0)
        ahead = now + rate / horizon * np.cumsum(moved, axis=0)
        # a server that stands still is never missed: without a limit it would long go unnoticed that it moves
        levels[begin + 1 : begin + horizon + 1] = np.clip(ahead, COVERAGES[0], COVERAGES[-1])
    return levels

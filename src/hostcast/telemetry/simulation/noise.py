"""Noise that nobody can forecast, and rows that never arrived."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hostcast.telemetry.simulation.clock import Floats

__all__ = ["autoregressive", "innovations", "lost_rows"]

# innovations of load follow those of cpu, those of memory a little
_CPU_TO_LOAD = 0.7
_CPU_TO_MEMORY = 0.2

# shares of gaps: of one step; those and the ones up to an hour; the rest last up to four
_SHORT, _MEDIUM = 0.6, 0.95
_GOLDEN = 0.6180339887498949


def innovations(steps: int, rng: np.random.Generator) -> Floats:
    """Standard normal draws of cpu, memory, disk and load: (steps, 4), correlated within a step."""
    draws = rng.standard_normal((steps, 4))
    cpu, memory, disk, load = draws.T
    return np.stack(
        [
            cpu,
            _CPU_TO_MEMORY * cpu + np.sqrt(1 - _CPU_TO_MEMORY**2) * memory,
            disk,
            _CPU_TO_LOAD * cpu + np.sqrt(1 - _CPU_TO_LOAD**2) * load,
        ],
        axis=1,
    )


def autoregressive(draws: Floats, persistence: Floats, innovation_std: Floats) -> Floats:
    """Gaussian AR(1) series that start in their stationary distribution.

    x[0] ~ N(0, s² / (1 - p²)), x[t] = p x[t-1] + s z[t].

    Args:
        draws: (steps, ...) standard normal.
        persistence: p, (...), within (-1, 1).
        innovation_std: s, (...), in the unit of the result.
    """
    noise = innovation_std * draws
    noise[0] = noise[0] / np.sqrt(1 - persistence**2)
    for step in range(1, len(noise)):
        noise[step] += persistence * noise[step - 1]
    return np.asarray(noise)


def lost_rows(
    steps: int, *, step_hours: float, gap_rate: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which rows a collector loses: (steps,), about `gap_rate` of all, in gaps of one step to four hours."""
    if gap_rate == 0:
        return np.zeros(steps, dtype=bool)
    mean_gap = float(_gap_steps((np.arange(4096) + 0.5) / 4096, step_hours).mean())
    mean_up = mean_gap * (1 - gap_rate) / gap_rate
    first, phase = rng.random(2)
    cycles = steps // 2 + 1  # a cycle is at least two steps long
    # evenly spread, so that even a short history loses about its share; the first gap may come at once
    up = mean_up * (0.2 + 1.6 * rng.random(cycles))
    up[0] = mean_up * first
    up = np.maximum(1.0, np.round(up))
    # steps of the golden ratio visit short and long gaps in turn, for the same reason
    sizes = (phase + _GOLDEN * np.arange(cycles)) % 1
    lengths = np.stack([up, _gap_steps(sizes, step_hours)], axis=1).reshape(-1)
    turns = np.cumsum(lengths)
    return np.asarray(np.searchsorted(turns, np.arange(steps), side="right") % 2 == 1)


def _gap_steps(draws: Floats, step_hours: float) -> Floats:
    """Uniform draws to lengths in steps, at least one."""
    medium = 0.2 + 0.8 * (draws - _SHORT) / (_MEDIUM - _SHORT)
    long = 1.0 + 3.0 * (draws - _MEDIUM) / (1 - _MEDIUM)
    hours = np.where(draws < _SHORT, 0.0, np.where(draws < _MEDIUM, medium, long))
    return np.maximum(1.0, np.round(hours / step_hours))

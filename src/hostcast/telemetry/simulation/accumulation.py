"""What piles up with traffic until something clears it: leaks, logs, data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hostcast.telemetry.simulation.clock import Clock, Floats

__all__ = ["Sawtooth", "rotated", "sawtooth"]


@dataclass(frozen=True)
class Sawtooth:
    """A level that grows and is cleared.

    Attributes:
        level: (steps,), 0 <= level < height.
        cleared: (steps,), true at the first step after a clearing.
    """

    level: Floats
    cleared: NDArray[np.bool_]


def sawtooth(
    clock: Clock, rate: Floats, *, height: float, every: float, filled: float, resets: Floats
) -> Sawtooth:
    """Grows with `rate` and is cleared when it reaches `height`, and at each reset.

    Args:
        rate: (steps,), relative speed of growth, 1 on average.
        height: level at which it is cleared.
        every: hours in which it grows to `height` at rate 1.
        filled: share of `height` already there at the first step.
        resets: hours since the first step at which it is cleared whatever its level, rising.
    """
    grown = np.cumsum(rate) * clock.step_hours / every
    segment = np.searchsorted(resets, clock.elapsed, side="right")
    starts = np.searchsorted(clock.elapsed, resets, side="left")
    offsets = np.concatenate([[-filled], grown[np.minimum(starts, len(clock) - 1)]])
    fills = grown - offsets[segment]
    rounds = np.floor(fills)
    cleared = np.diff(rounds, prepend=rounds[0]) != 0
    cleared |= np.diff(segment, prepend=0) != 0
    return Sawtooth(level=height * (fills - rounds), cleared=cleared)


def rotated(clock: Clock, rate: Floats, *, size: float, hour: float, every: float) -> Floats:
    """Grows with `rate` and is cleared by a schedule: (steps,), about `size` just before each clearing.

    Args:
        rate: (steps,), relative speed of growth, 1 on average.
        size: level after `every` hours at rate 1.
        hour: hour of the day (every=24) or of the week (every=168) of the clearing.
        every: 24 or 168.
    """
    position = clock.hour_of_day if every == 24 else clock.hour_of_week
    since = (position - hour) % every
    grown = np.cumsum(rate) * clock.step_hours
    turn = np.concatenate([[0], np.flatnonzero(np.diff(since) < 0) + 1])
    # what was there at the first step had been growing at rate 1
    offsets = np.concatenate([[-since[0]], grown[turn[1:]]])
    segment = np.searchsorted(turn, np.arange(len(clock)), side="right") - 1
    return np.asarray(size / every * (grown - offsets[segment]))

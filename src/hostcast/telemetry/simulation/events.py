"""Releases and incidents: when they happen, and how far an incident has come at each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hostcast.telemetry.simulation.clock import Clock, Floats
from hostcast.telemetry.simulation.profiles import Profile

__all__ = ["Deploys", "Incidents", "draw_deploys", "draw_incidents", "hours_since", "latest"]

_QUIET = 72.0  # hours between the end of one incident and the earliest start of the next
_CALM = 190.0  # mean further hours until it starts
_RAMP = (9.0, 18.0)  # hours of precursor before the failure
_FAILURE = (0.6, 1.8)  # hours until someone has dealt with it
_RELEASE_HOURS = (9.5, 15.5)


@dataclass(frozen=True)
class Deploys:
    """Releases: hours since the first step, rising; and each one's appetite for cpu, about 1."""

    at: Floats
    appetite: Floats


@dataclass(frozen=True)
class Incidents:
    """How far each kind of incident has come, (steps,) each.

    Every incident ramps up linearly over hours, so that its precursor is visible and its end can be
    extrapolated; then it fails, and is repaired.

    Attributes:
        memory, disk, overload: 0 = none, rising to 1 at the failure, 1 until the repair.
        memory_failed, disk_failed, overload_failed: 1 between failure and repair, else 0.
        repaired_at: hours since the first step, of all kinds, rising.
    """

    memory: Floats
    disk: Floats
    overload: Floats
    memory_failed: Floats
    disk_failed: Floats
    overload_failed: Floats
    repaired_at: Floats


def draw_deploys(clock: Clock, profile: Profile, rng: np.random.Generator) -> Deploys:
    """Releases go out on some working days, Monday to Thursday, within office hours."""
    days = int(clock.elapsed[-1] // 24) + 2
    # one row of draws per calendar day: a longer span only adds rows
    draws = rng.random((days, 3))
    midnight = np.arange(days) * 24 - clock.hour_of_day[0]
    weekday = (int(clock.hour_of_week[0] // 24) + np.arange(days)) % 7
    low, high = _RELEASE_HOURS
    at = midnight + low + (high - low) * draws[:, 1]
    happens = (weekday < 4) & (draws[:, 0] < profile.deploys) & (at > 0) & (at <= clock.elapsed[-1])
    return Deploys(at=at[happens], appetite=0.93 + 0.14 * draws[happens, 2])


def draw_incidents(clock: Clock, profile: Profile, rng: np.random.Generator) -> Incidents:
    """Incidents come about every eleven days; which kind is up to the profile."""
    most = int(clock.elapsed[-1] / _QUIET) + 2
    draws = rng.random((most, 4))
    calm = -_CALM * np.log1p(-draws[:, 0])
    ramps = _RAMP[0] + (_RAMP[1] - _RAMP[0]) * draws[:, 1]
    failures = _FAILURE[0] + (_FAILURE[1] - _FAILURE[0]) * draws[:, 2]
    ends = np.cumsum(_QUIET + calm + ramps + failures)
    weights = np.cumsum(profile.incidents) / np.sum(profile.incidents)
    kinds = np.searchsorted(weights, draws[:, 3], side="right")

    progress = np.zeros((3, len(clock)))
    failed = np.zeros((3, len(clock)))
    for kind, end, ramp, failure in zip(kinds, ends, ramps, failures, strict=True):
        fails = end - failure
        until_repair = clock.elapsed < end
        grown = np.clip((clock.elapsed - (fails - ramp)) / ramp, 0, 1)
        progress[kind] = np.maximum(progress[kind], grown * until_repair)
        failed[kind] = np.maximum(failed[kind], until_repair & (clock.elapsed >= fails))
    return Incidents(
        memory=progress[0],
        disk=progress[1],
        overload=progress[2],
        memory_failed=failed[0],
        disk_failed=failed[1],
        overload_failed=failed[2],
        repaired_at=ends[ends <= clock.elapsed[-1]],
    )


def latest(elapsed: Floats, events: Floats) -> NDArray[np.int64]:
    """Index of the last event at or before each step, -1 before the first: (steps,)."""
    return np.searchsorted(events, elapsed, side="right") - 1


def hours_since(elapsed: Floats, happened: NDArray[np.bool_]) -> Floats:
    """Hours since the last step at which something happened, infinite before the first: (steps,)."""
    rows = np.maximum.accumulate(np.where(happened, np.arange(len(elapsed)), -1))
    return np.where(rows >= 0, elapsed - elapsed[rows], np.inf)

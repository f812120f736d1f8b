"""How traffic runs through a day, a week and the weeks, and when jobs run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hostcast.telemetry.simulation.clock import Clock, Floats
from hostcast.telemetry.simulation.profiles import Profile, Traits

__all__ = ["Jobs", "Waves", "draw_waves", "jobs", "pulse", "traffic"]

_NIGHT = 0.12  # traffic that never sleeps, as a share of the peak
_EDGE = 0.06  # hours in which a job starts and ends


@dataclass(frozen=True)
class Waves:
    """Slow swings of demand (campaigns, billing cycles): periods in hours, phases, relative heights."""

    periods: Floats
    phases: Floats
    heights: Floats


@dataclass(frozen=True)
class Jobs:
    """Cpu (points of percent) that scheduled work takes, (steps,) each."""

    nightly: Floats
    weekly: Floats
    interval: Floats


def draw_waves(rng: np.random.Generator, *, height: float) -> Waves:
    """Two waves of 4-7 and 9-14 days, together at most `height` above or below the mean."""
    periods = np.array([rng.uniform(96, 168), rng.uniform(216, 336)])
    phases = rng.uniform(0, 2 * np.pi, size=2)
    return Waves(periods=periods, phases=phases, heights=height * np.array([0.45, 0.55]))


def traffic(clock: Clock, profile: Profile, traits: Traits, waves: tuple[Waves, ...]) -> Floats:
    """Demand on one server, (steps,): about 1 at the peak of a working day."""
    hours = clock.hour_of_day - traits.shift
    # the scale comes from a fixed grid, so that it does not depend on the span or the step
    reference = np.arange(0, 24, 1 / 60)
    daily = _bumps(hours, profile) / _bumps(reference, profile).max()
    daily = _NIGHT + (1 - _NIGHT) * daily
    weekly = 1 + (profile.weekend - 1) * _weekend(clock.hour_of_week)
    slow = np.ones(len(clock))
    for wave in waves:
        for period, phase, height in zip(wave.periods, wave.phases, wave.heights, strict=True):
            slow = slow + height * np.sin(2 * np.pi * clock.elapsed / period + phase)
    return np.asarray(daily * weekly * slow)


def jobs(clock: Clock, traits: Traits, *, interval_phase: float) -> Jobs:
    """What cron and timers add; `interval_phase` is the share of the interval gone at the first step."""
    nightly = pulse(clock.hour_of_day - traits.nightly_hour, length=traits.nightly_length, every=24)
    weekly = pulse(clock.hour_of_week - (6 * 24 + 4 + traits.shift), length=3.5, every=168)
    since = clock.elapsed + interval_phase * traits.interval_every
    interval = pulse(since, length=traits.interval_length, every=traits.interval_every)
    return Jobs(
        nightly=traits.nightly_cpu * nightly,
        weekly=traits.weekly_cpu * weekly,
        interval=traits.interval_cpu * interval,
    )


def pulse(since: Floats, *, length: float, every: float) -> Floats:
    """1 for `length` hours from each multiple of `every` hours, else 0, with edges of a few minutes."""
    # counting from a quarter period before the start keeps the rising edge in one piece
    position = (since + every / 4) % every - every / 4
    return np.asarray(0.5 * (np.tanh(position / _EDGE) - np.tanh((position - length) / _EDGE)))


def _bumps(hours: Floats, profile: Profile) -> Floats:
    total = np.zeros(len(hours))
    for peak, height, width in profile.peaks:
        # a bump on the circle (von Mises) has no seam at midnight
        sharpness = (24 / (2 * np.pi * width)) ** 2
        total = total + height * np.exp(sharpness * (np.cos(2 * np.pi * (hours - peak) / 24) - 1))
    return total


def _weekend(hour_of_week: Floats) -> Floats:
    """1 on Saturday and Sunday, 0 on working days, over about two hours between."""
    begins = np.tanh(hour_of_week - 120)
    # over by Monday 00:00, where the hour of the week starts again
    ends = np.tanh(165 - hour_of_week)
    return np.asarray(0.5 * (begins + ends))

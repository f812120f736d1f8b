"""One server: what its four metrics would read without noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hostcast.telemetry.simulation.accumulation import rotated, sawtooth
from hostcast.telemetry.simulation.clock import Clock, Floats
from hostcast.telemetry.simulation.events import (
    Deploys,
    Incidents,
    draw_deploys,
    draw_incidents,
    hours_since,
    latest,
)
from hostcast.telemetry.simulation.load_shapes import Jobs, Waves, draw_waves, jobs, traffic
from hostcast.telemetry.simulation.noise import autoregressive, innovations
from hostcast.telemetry.simulation.profiles import Profile, Traits, draw_traits

__all__ = ["TARGETS", "Series", "simulate_server"]

TARGETS = ("cpu_percent", "memory_percent", "disk_percent", "load_average")

_FULL = 95.0  # where a percentage ends up in an incident
# a quiet server's expected value keeps so many standard deviations from zero: clipping stays rare
_CLEARANCE = 4.0


@dataclass(frozen=True)
class Series:
    """One server's simulation.

    Attributes:
        expected, noise: (steps, targets), in each target's unit, targets as in `TARGETS`.
        persistence, innovation_std: (targets,), of the AR(1) noise, per step.
    """

    expected: Floats
    noise: Floats
    persistence: Floats
    innovation_std: Floats


def simulate_server(clock: Clock, profile: Profile, shared: Waves, seeds: np.random.SeedSequence) -> Series:
    """Simulate one server; `shared` are the swings of demand that the whole fleet sees."""
    # a stream of its own for each purpose: more draws in one never move another
    traits_rng, deploys_rng, incidents_rng, noise_rng = (
        np.random.Generator(np.random.PCG64(child)) for child in seeds.spawn(4)
    )
    traits = draw_traits(profile, traits_rng)
    own = draw_waves(traits_rng, height=0.10)
    phases = traits_rng.random(3)
    hours = np.array([0.5, 1.5, 1.5, 0.5]) * traits_rng.uniform(0.7, 1.4, size=4)
    hours[3] = hours[0]  # load's noise follows cpu's, so it forgets as fast
    deploys = draw_deploys(clock, profile, deploys_rng)
    incidents = draw_incidents(clock, profile, incidents_rng)

    demand = traffic(clock, profile, traits, (shared, own))
    work = jobs(clock, traits, interval_phase=float(phases[0]))
    std = _noise_levels(traits)
    expected = _expected(clock, traits, demand, work, deploys, incidents, phases)
    expected = np.maximum(expected, _CLEARANCE * std)

    persistence = np.exp(-clock.step_hours / hours)
    innovation_std = std * np.sqrt(1 - persistence**2)
    noise = autoregressive(innovations(len(clock), noise_rng), persistence, innovation_std)
    return Series(expected=expected, noise=noise, persistence=persistence, innovation_std=innovation_std)


def _noise_levels(traits: Traits) -> Floats:
    cpu = traits.restlessness * traits.busy
    load = traits.queueing * traits.cores * cpu / 100
    return np.array([cpu, traits.memory_noise, traits.disk_noise, load])


def _expected(
    clock: Clock,
    traits: Traits,
    demand: Floats,
    work: Jobs,
    deploys: Deploys,
    incidents: Incidents,
    phases: Floats,
) -> Floats:
    """(steps, targets): memory decides when the service restarts, which cpu feels; load follows cpu."""
    # demand averages about a half
    rate = 0.3 + 1.4 * demand
    restarts = np.sort(np.concatenate([deploys.at, incidents.repaired_at]))
    leak = sawtooth(
        clock, rate, height=traits.leak, every=traits.leak_every, filled=float(phases[1]), resets=restarts
    )
    since_restart = hours_since(clock.elapsed, leak.cleared)
    cpu = _cpu(clock, traits, demand, work, deploys, incidents, since_restart)
    memory = _memory(traits, demand, work, leak.level, incidents, since_restart)
    disk = _disk(clock, traits, rate, incidents, filled=float(phases[2]))
    load = _load(traits, cpu, work, incidents)
    return np.stack([cpu, memory, disk, load], axis=1)


def _cpu(
    clock: Clock,
    traits: Traits,
    demand: Floats,
    work: Jobs,
    deploys: Deploys,
    incidents: Incidents,
    since_restart: Floats,
) -> Floats:
    appetite = np.concatenate([[1.0], deploys.appetite])[latest(clock.elapsed, deploys.at) + 1]
    warming_up = 0.25 * traits.busy * np.exp(-since_restart / 0.5)
    cpu = traits.idle + traits.busy * appetite * demand + warming_up
    cpu = cpu + work.nightly + work.weekly + work.interval
    cpu = cpu + (_FULL - cpu) * 0.9 * incidents.overload
    # near exhaustion the garbage collector and the swap device take over
    cpu = cpu + (90 - cpu) * np.maximum(0.0, incidents.memory - 0.6) * 1.2
    # with the disk full requests fail early
    cpu = cpu * (1 - 0.6 * incidents.disk_failed)
    return _saturate(cpu, knee=80, ceiling=96)


def _memory(
    traits: Traits, demand: Floats, work: Jobs, leaked: Floats, incidents: Incidents, since_restart: Floats
) -> Floats:
    running = (work.nightly + work.interval) / (traits.nightly_cpu + traits.interval_cpu)
    cold = 0.25 * traits.memory_base * np.exp(-since_restart / 0.8)
    memory = traits.memory_base - cold + traits.memory_traffic * demand + traits.job_memory * running + leaked
    memory = memory + (_FULL - memory) * incidents.memory
    # requests that wait hold memory
    memory = memory + 0.15 * (_FULL - memory) * incidents.overload
    return _saturate(memory, knee=85, ceiling=97)


def _disk(clock: Clock, traits: Traits, rate: Floats, incidents: Incidents, *, filled: float) -> Floats:
    data = sawtooth(
        clock,
        rate,
        height=traits.growth,
        every=traits.growth_every,
        filled=filled,
        resets=incidents.repaired_at,
    )
    daily = rotated(clock, rate, size=traits.daily_logs, hour=traits.nightly_hour, every=24)
    weekly = rotated(clock, rate, size=traits.weekly_logs, hour=6 * 24 + 4 + traits.shift, every=168)
    # the dump grows while the nightly job runs and goes once it is shipped
    since = (clock.hour_of_day - traits.nightly_hour) % 24
    dump = traits.backup * np.clip(since / traits.nightly_length, 0, 1) * (since < traits.nightly_length + 4)
    disk = traits.disk_base + data.level + daily + weekly + dump
    disk = disk + (_FULL - disk) * incidents.disk
    return _saturate(disk, knee=88, ceiling=97)


def _load(traits: Traits, cpu: Floats, work: Jobs, incidents: Incidents) -> Floats:
    busy = cpu / 100
    # processes queue up as the cores fill
    queued = 0.35 * busy**4 / (1.08 - busy)
    waiting_for_disk = 0.004 * (work.nightly + work.weekly)
    stuck = 1.2 * incidents.memory_failed + 1.5 * incidents.disk_failed + 0.8 * incidents.overload_failed
    swapping = 0.8 * np.maximum(0.0, incidents.memory - 0.6)
    load = traits.queueing * (busy + queued + waiting_for_disk) + swapping + stuck
    return np.asarray(traits.cores * load)


def _saturate(value: Floats, *, knee: float, ceiling: float) -> Floats:
    """The identity up to the knee, then ever closer to the ceiling."""
    room = ceiling - knee
    return np.where(value <= knee, value, ceiling - room * np.exp(-np.maximum(value - knee, 0.0) / room))

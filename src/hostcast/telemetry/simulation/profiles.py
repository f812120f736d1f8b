"""What kinds of servers there are, and what each server of a kind draws for itself."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

__all__ = ["LATE_SERVER", "Profile", "Span", "Traits", "draw_traits", "profile_of", "server_name"]

Span = tuple[float, float]  # lowest and highest value that a server may draw


@dataclass(frozen=True)
class Traits:
    """One server's constants. Shares of time are in hours, effects in points of percent.

    Attributes:
        shift: how much later its day runs than the profile's.
        idle, busy: cpu without traffic, and added at full traffic.
        nightly_cpu, nightly_hour, nightly_length: the job that runs once a day.
        weekly_cpu: the maintenance job of the weekend.
        interval_cpu, interval_every, interval_length: a job on a timer that counts from its own last run, so
            that its hour of day wanders.
        job_memory: memory held while jobs run at full strength.
        memory_base, memory_traffic: memory after a restart, and added at full traffic.
        leak, leak_every: memory lost before the watchdog restarts the service, and about how long it takes.
        disk_base: disk without anything that grows.
        daily_logs, weekly_logs: written from one nightly, one weekly rotation to the next.
        growth, growth_every: data until the retention job frees it, and about how long it takes.
        backup: size of the nightly dump that waits to be shipped.
        queueing: runnable processes per busy core.
        restlessness: cpu noise (standard deviation) per point of `busy`.
        memory_noise, disk_noise: standard deviations.
    """

    shift: float
    idle: float
    busy: float
    nightly_cpu: float
    nightly_hour: float
    nightly_length: float
    weekly_cpu: float
    interval_cpu: float
    interval_every: float
    interval_length: float
    job_memory: float
    memory_base: float
    memory_traffic: float
    leak: float
    leak_every: float
    disk_base: float
    daily_logs: float
    weekly_logs: float
    growth: float
    growth_every: float
    backup: float
    queueing: float
    restlessness: float
    memory_noise: float
    disk_noise: float
    cores: int


@dataclass(frozen=True)
class Profile:
    """A kind of server.

    Attributes:
        name: prefix of the servers' names.
        peaks: (hour of day, height, width in hours) of the bumps its daily traffic is made of.
        weekend: traffic at the weekend over that of a working day.
        cores: numbers of cores that occur.
        deploys: share of working days (Monday to Thursday) on which a release goes out.
        incidents: weights of memory exhaustion, a filling disk and an overload.
        spans: trait -> lowest and highest value.
    """

    name: str
    peaks: tuple[tuple[float, float, float], ...]
    weekend: float
    cores: tuple[int, ...]
    deploys: float
    incidents: tuple[float, float, float]
    spans: dict[str, Span]


_COMMON: dict[str, Span] = {
    "shift": (-0.8, 0.8),
    "nightly_hour": (0.5, 4.0),
    "nightly_length": (0.7, 1.8),
    "nightly_cpu": (6, 14),
    "weekly_cpu": (8, 18),
    "interval_cpu": (5, 9),
    "interval_every": (4.3, 7.7),
    "interval_length": (0.6, 1.2),
    "job_memory": (2, 5),
    "backup": (0, 0),
    "queueing": (0.8, 1.3),
    "restlessness": (0.065, 0.095),
    "memory_noise": (0.8, 1.4),
    "disk_noise": (0.4, 0.8),
}

WEB = Profile(
    name="web",
    peaks=((20.3, 1.0, 3.0), (12.6, 0.75, 2.8)),
    weekend=1.2,
    cores=(4, 8),
    deploys=0.30,
    incidents=(0.5, 0.2, 0.3),
    spans={
        **_COMMON,
        "idle": (6, 11),
        "busy": (32, 52),
        "memory_base": (26, 36),
        "memory_traffic": (5, 9),
        "leak": (18, 30),
        "leak_every": (28, 60),
        "disk_base": (22, 36),
        "daily_logs": (7, 14),
        "weekly_logs": (4, 9),
        "growth": (9, 15),
        "growth_every": (50, 90),
    },
)

APP = Profile(
    name="app",
    peaks=((10.4, 1.0, 1.9), (15.0, 0.95, 2.2)),
    weekend=0.40,
    cores=(8, 16),
    deploys=0.25,
    incidents=(0.55, 0.15, 0.3),
    spans={
        **_COMMON,
        "idle": (5, 9),
        "busy": (38, 58),
        "memory_base": (30, 40),
        "memory_traffic": (6, 10),
        "leak": (20, 34),
        "leak_every": (22, 50),
        "disk_base": (18, 30),
        "daily_logs": (6, 12),
        "weekly_logs": (5, 10),
        "growth": (10, 16),
        "growth_every": (45, 80),
    },
)

DATABASE = Profile(
    name="db",
    peaks=((11.0, 0.85, 2.6), (19.8, 1.0, 3.2)),
    weekend=0.85,
    cores=(16, 32),
    deploys=0.06,
    incidents=(0.3, 0.45, 0.25),
    spans={
        **_COMMON,
        "idle": (8, 14),
        "busy": (24, 42),
        "nightly_cpu": (12, 22),
        "nightly_length": (1.5, 3.0),
        "interval_cpu": (8, 14),
        "memory_base": (46, 54),
        "memory_traffic": (6, 10),
        "leak": (12, 20),
        "leak_every": (40, 80),
        "disk_base": (34, 44),
        "daily_logs": (5, 9),
        "weekly_logs": (3, 6),
        "growth": (12, 18),
        "growth_every": (70, 120),
        "backup": (9, 14),
    },
)

BATCH = Profile(
    name="batch",
    peaks=((9.0, 0.8, 3.0), (22.0, 1.0, 2.5)),
    weekend=0.75,
    cores=(16, 32),
    deploys=0.10,
    incidents=(0.35, 0.4, 0.25),
    spans={
        **_COMMON,
        "idle": (6, 10),
        "busy": (16, 28),
        "nightly_cpu": (26, 40),
        "nightly_length": (2.0, 4.0),
        "interval_cpu": (16, 26),
        "interval_every": (5.2, 9.6),
        "interval_length": (1.2, 2.2),
        "job_memory": (14, 22),
        "memory_base": (22, 30),
        "memory_traffic": (4, 7),
        "leak": (14, 24),
        "leak_every": (40, 80),
        "disk_base": (20, 32),
        "daily_logs": (8, 14),
        "weekly_logs": (6, 10),
        "growth": (16, 26),
        "growth_every": (40, 70),
        "restlessness": (0.09, 0.13),
    },
)

CACHE = Profile(
    name="cache",
    peaks=((20.0, 1.0, 3.4), (13.0, 0.8, 3.0)),
    weekend=1.1,
    cores=(4, 8),
    deploys=0.05,
    incidents=(0.55, 0.1, 0.35),
    spans={
        **_COMMON,
        "idle": (4, 7),
        "busy": (16, 26),
        "memory_base": (34, 42),
        "memory_traffic": (3, 6),
        "leak": (30, 42),
        "leak_every": (26, 44),
        "disk_base": (12, 20),
        "daily_logs": (4, 7),
        "weekly_logs": (3, 5),
        "growth": (8, 14),
        "growth_every": (36, 60),
    },
)

CI = Profile(
    name="ci",
    peaks=((11.2, 1.0, 1.6), (16.2, 0.9, 1.7)),
    weekend=0.15,
    cores=(16, 32),
    deploys=0.08,
    incidents=(0.2, 0.55, 0.25),
    spans={
        **_COMMON,
        "idle": (4, 7),
        "busy": (48, 66),
        "nightly_cpu": (18, 30),
        "nightly_length": (1.5, 2.5),
        "interval_cpu": (8, 14),
        "job_memory": (8, 14),
        "memory_base": (20, 28),
        "memory_traffic": (14, 22),
        "leak": (12, 20),
        "leak_every": (40, 70),
        "disk_base": (24, 34),
        "daily_logs": (4, 8),
        "weekly_logs": (5, 9),
        "growth": (22, 32),
        "growth_every": (26, 48),
        "restlessness": (0.055, 0.075),
    },
)

# the order decides which kinds a small fleet has; server 3 is a web server that joins late
_ORDER = (WEB, DATABASE, BATCH, WEB, APP, CACHE, CI, APP, WEB, DATABASE, APP, BATCH)
LATE_SERVER = 3


def profile_of(index: int) -> Profile:
    """The profile of server `index`, whatever the size of the fleet."""
    return _ORDER[index % len(_ORDER)]


def server_name(index: int) -> str:
    """E.g. web-01: numbered within the profile, in the order of `index`."""
    profile = profile_of(index)
    rounds, rest = divmod(index, len(_ORDER))
    per_round = sum(kind is profile for kind in _ORDER)
    before = sum(kind is profile for kind in _ORDER[:rest])
    return f"{profile.name}-{rounds * per_round + before + 1:02d}"


def draw_traits(profile: Profile, rng: np.random.Generator) -> Traits:
    """One server's constants, uniform within its profile's spans."""
    drawn = {
        field.name: float(rng.uniform(*profile.spans[field.name]))
        for field in fields(Traits)
        if field.name != "cores"
    }
    return Traits(**drawn, cores=profile.cores[int(rng.integers(len(profile.cores)))])

"""The embedded fleet: telemetry to try everything on, with the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hostcast.params import SimulateParams
from hostcast.telemetry.simulation.clock import Clock, Floats, make_clock
from hostcast.telemetry.simulation.load_shapes import draw_waves
from hostcast.telemetry.simulation.noise import lost_rows
from hostcast.telemetry.simulation.profiles import LATE_SERVER, profile_of, server_name
from hostcast.telemetry.simulation.server import TARGETS, Series, simulate_server

__all__ = ["Simulation", "simulate_fleet"]

_LATE = 0.2  # share of the span after which the late server reports for the first time


@dataclass(frozen=True)
class Simulation:
    """A simulated fleet.

    Attributes:
        telemetry: server, timestamp (datetime64[us, UTC]), cpu_percent, memory_percent, disk_percent (0 to
            100), load_average (runnable processes, >= 0); rows lost in gaps are absent. Sorted by server and
            timestamp.
        truth: server, timestamp, target, expected, noise, persistence, innovation_std; one row for each
            server, step (lost ones too) and target, in that order. What is observed is
            clip(expected + noise); `expected` knows every event, `noise` is Gaussian AR(1):
            noise[t] = persistence * noise[t-1] + innovation_std * N(0, 1).
    """

    telemetry: pd.DataFrame
    truth: pd.DataFrame


def simulate_fleet(simulate: SimulateParams, *, step: pd.Timedelta, seed: int) -> Simulation:
    """Simulate a fleet of web, app, db, batch, cache and ci servers.

    Traffic has the shape of days, weeks and slow swings; the rest is made of scheduled jobs, leaks with
    restarts, logs with rotation, data with retention, releases, and incidents that announce themselves for
    9 to 18 hours. A server's values depend on the seed, its number and the start alone: neither a larger
    fleet nor a longer span changes what is already there. Only how late the fourth server begins to report
    goes by the span (after a fifth of it).

    Args:
        simulate: number of servers, span, start and share of lost rows.
        step: length of one step, 30 s to 1 h.
        seed: of all random numbers.

    Raises:
        HostcastError: `step` is outside 30 s to 1 h.
    """
    clock = make_clock(simulate.start, days=simulate.days, step=step)
    fleet_seeds, gap_seeds, server_seeds = np.random.SeedSequence(seed).spawn(3)
    shared = draw_waves(np.random.Generator(np.random.PCG64(fleet_seeds)), height=0.12)
    telemetry, truth = [], []
    for index, (seeds, gaps) in enumerate(
        zip(server_seeds.spawn(simulate.servers), gap_seeds.spawn(simulate.servers), strict=True)
    ):
        series = simulate_server(clock, profile_of(index), shared, seeds)
        lost = lost_rows(
            len(clock),
            step_hours=clock.step_hours,
            gap_rate=simulate.gap_rate,
            rng=np.random.Generator(np.random.PCG64(gaps)),
        )
        first = round(_LATE * len(clock)) if index == LATE_SERVER else 0
        name = server_name(index)
        telemetry.append(_observed(name, clock, series, lost, first))
        truth.append(_truth(name, clock, series, first))
    return Simulation(telemetry=_by_server(telemetry), truth=_by_server(truth))


def _observed(
    name: str, clock: Clock, series: Series, lost: NDArray[np.bool_], first: int
) -> tuple[str, pd.DataFrame]:
    kept = np.flatnonzero(~lost)
    kept = kept[kept >= first]
    high = [100.0, 100.0, 100.0, np.inf]
    values: Floats = np.clip((series.expected + series.noise)[kept], 0.0, high)
    frame = pd.DataFrame(values, columns=list(TARGETS))
    frame.insert(0, "timestamp", clock.timestamps[kept])
    return name, frame


def _truth(name: str, clock: Clock, series: Series, first: int) -> tuple[str, pd.DataFrame]:
    steps = len(clock) - first
    return name, pd.DataFrame(
        {
            "timestamp": clock.timestamps[first:].repeat(len(TARGETS)),
            "target": pd.Series(np.tile(np.array(TARGETS, dtype=object), steps), dtype="str"),
            "expected": series.expected[first:].reshape(-1),
            "noise": series.noise[first:].reshape(-1),
            "persistence": np.tile(series.persistence, steps),
            "innovation_std": np.tile(series.innovation_std, steps),
        }
    )


def _by_server(parts: list[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    ordered = sorted(parts, key=lambda part: part[0])
    frame = pd.concat([part for _, part in ordered], ignore_index=True)
    names = np.repeat(
        np.array([name for name, _ in ordered], dtype=object), [len(part) for _, part in ordered]
    )
    frame.insert(0, "server", pd.Series(names, dtype="str"))
    return frame

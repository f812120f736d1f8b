"""Both engines at one shape: in turn, each in a process of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hostcast.benchmark.engines.agreement import Agreement, require_agreement
from hostcast.benchmark.engines.bench import Bench
from hostcast.benchmark.engines.comparison import Comparison, compare_engines
from hostcast.benchmark.engines.data import write_data
from hostcast.benchmark.engines.facts import cores
from hostcast.benchmark.engines.job import Job, Reading
from hostcast.benchmark.engines.plan import Plan
from hostcast.benchmark.engines.shapes import Device, Shape, params_of
from hostcast.benchmark.isolation import OwnProcess, in_fresh_process
from hostcast.params import Params

__all__ = ["ShapeRuns", "measure_shape"]

log = logging.getLogger(__name__)

COMPARED_WINDOWS: dict[Device, int] = {"cpu": 32, "cuda": 128}
# seconds that each number of workers is tried for
TRIAL = 1.0


@dataclass(frozen=True)
class ShapeRuns:
    """What was measured at one shape.

    Attributes:
        weights: number of the network's weights.
        agreement: how well the engines agree.
        rows: a row per measurement: shape, measurement, role, engine, repeat, and what `Reading` holds.
    """

    weights: int
    agreement: Agreement
    rows: list[dict[str, Any]]


def measure_shape(
    shape: Shape,
    plan: Plan,
    params: Params,
    engines: Mapping[str, str],
    *,
    folder: Path,
    threads: int,
    end: float,
) -> ShapeRuns:
    """Make the data, see that the engines agree, and measure them.

    Args:
        shape: sizes of data and model.
        plan: what to measure.
        params: the project's params.
        engines: names of the engines by role, reference and fused.
        folder: an empty one, for the data.
        threads: torch's compute threads.
        end: no repeat but the first begins after this, by `time.monotonic`.

    Raises:
        HostcastError: the engines disagree, or a process was killed.
        RuntimeError: a process failed.
    """
    device, measurements = plan.device, plan.shapes[shape.name]
    own = params_of(shape, params, engine=engines["reference"], device=device)
    with OwnProcess(f"the data of {shape.name}") as process:
        process.run(partial(write_data, forecasts="predict" in measurements), folder, shape, own)
    pair = (engines["reference"], engines["fused"])
    comparison = Comparison(pair, shape, folder, params, device, threads, COMPARED_WINDOWS[device])
    agreement = in_fresh_process(compare_engines, comparison, label=f"comparing the engines at {shape.name}")
    require_agreement(agreement)
    jobs = {
        role: Job(engine, shape, folder, params, device, threads, plan.seconds)
        for role, engine in engines.items()
    }
    workers = {role: _best_workers(job, measurements) for role, job in jobs.items()}
    rows: list[dict[str, Any]] = []
    with (
        OwnProcess(f"{shape.name}, reference") as reference,
        OwnProcess(f"{shape.name}, fused") as fused,
    ):
        processes = {"reference": reference, "fused": fused}
        for role, process in processes.items():
            process.hold(Bench, jobs[role])
        weights: int = reference.ask("weights")
        for repeat in range(plan.repeats):
            if repeat and time.monotonic() > end:
                log.info("%s: no time for more than %d repeats", shape.name, repeat)
                break
            for measurement in measurements:
                # A B, then B A: what warms up or slows down does so for both
                for role in list(processes)[:: 1 if repeat % 2 == 0 else -1]:
                    reading: Reading = processes[role].ask(measurement, workers[role][measurement])
                    row = {"shape": shape.name, "measurement": measurement, "role": role}
                    rows.append({**row, "engine": jobs[role].engine, "repeat": repeat, **asdict(reading)})
                log.info("%s", _line(rows[-2:]))
    return ShapeRuns(weights, agreement, rows)


def _best_workers(job: Job, measurements: list[str]) -> dict[str, int]:
    """By measurement, the number of loading processes that the engine is fastest with.

    Found by a process of its own, whose memory nobody measures.
    """
    if job.engine != "reference":
        # it loads nothing in processes of their own
        return dict.fromkeys(measurements, 0)
    with OwnProcess(f"{job.shape.name}, workers") as process:
        process.hold(Bench, job)

        def fastest(measurement: str, counts: list[int]) -> int:
            short = min(TRIAL, job.seconds)
            speeds = {count: process.ask(measurement, count, short).windows_per_second for count in counts}
            said = ", ".join(f"{count}: {speed:,.0f}" for count, speed in speeds.items())
            log.info("%s.%s, windows/s by number of workers: %s", job.shape.name, measurement, said)
            return max(speeds, key=lambda count: speeds[count])

        loading = fastest("loader", _counts(cores()))
        best = dict.fromkeys(measurements, loading)
        others = [measurement for measurement in measurements if measurement != "loader"]
        if others and loading:
            # where the processor computes, too, workers may be in its way
            best |= dict.fromkeys(others, fastest("train", [0, loading]))
    return best


def _counts(most: int) -> list[int]:
    return [0, *(1 << power for power in range(most.bit_length()))]


def _line(pair: list[dict[str, Any]]) -> str:
    speeds = {row["role"]: row["windows_per_second"] for row in pair}
    first = pair[0]
    return (
        f"{first['shape']}.{first['measurement']}, repeat {first['repeat'] + 1}: "
        f"reference {speeds['reference']:,.0f}, fused {speeds['fused']:,.0f} windows/s "
        f"({speeds['fused'] / speeds['reference']:.1f}x)"
    )

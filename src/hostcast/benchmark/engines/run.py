"""Both engines side by side: at every shape, in turn, each in a process of its own."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from hostcast.benchmark.engines.agreement import Agreement, Comparison, compare_engines, require_agreement
from hostcast.benchmark.engines.bench import Bench, Job, Reading
from hostcast.benchmark.engines.ceilings import Ceilings, measure_ceilings
from hostcast.benchmark.engines.data import write_data
from hostcast.benchmark.engines.facts import chosen_device, cores, gather_facts
from hostcast.benchmark.engines.plan import Plan, make_plan
from hostcast.benchmark.engines.quality import QualityRun, race_engines, recipes
from hostcast.benchmark.engines.shapes import SHAPES, Device, Shape, params_of
from hostcast.benchmark.engines.table_memory import MANY_ROWS, TableMemory, memory_of_many_rows
from hostcast.benchmark.isolation import OwnProcess, in_fresh_process
from hostcast.params import Params
from hostcast.state import state_folder

__all__ = ["ENGINES", "EngineRuns", "run_engines"]

log = logging.getLogger(__name__)

# by role: the engine that is measured against, and hostcast's own
ENGINES = {"reference": "reference", "fused": "fused"}
COMPARED_WINDOWS: dict[Device, int] = {"cpu": 32, "cuda": 128}


@dataclass(frozen=True)
class EngineRuns:
    """All that was measured.

    Attributes:
        plan: what was asked for.
        facts: machine, versions and command.
        ceilings: what the machine can do at most.
        shapes: those that were measured.
        weights: by shape, the number of the network's weights.
        runs: one row per measurement: shape, measurement, role, engine, repeat, and what `Reading` holds.
        agreements: how well the engines agree, by shape.
        memory: of data and loader on many rows; None if not asked for.
        quality: all trainings for the time to quality.
        left_out: what was asked for and could not be measured, and why.
    """

    plan: Plan
    facts: dict[str, Any]
    ceilings: Ceilings
    shapes: dict[str, Shape]
    weights: dict[str, int]
    runs: pd.DataFrame
    agreements: list[Agreement]
    memory: TableMemory | None
    quality: list[QualityRun]
    left_out: dict[str, str]


def run_engines(
    params: Params, *, engines: Mapping[str, str] = ENGINES, project: Path = Path()
) -> EngineRuns:
    """Measure what section `benchmark` of the params asks for.

    Args:
        params: the project's params.
        engines: names of the engines by role, reference and fused.
        project: folder with the project's own data, for the time to quality.

    Raises:
        HostcastError: the engines disagree, a process was killed, or the params ask for what there is not.
    """
    device = chosen_device(params)
    plan = make_plan(params, device, project=project)
    own_params = recipes(params, engines)
    threads = torch.get_num_threads()
    ceilings: Ceilings = _alone("the ceilings", measure_ceilings, device, threads)
    weights: dict[str, int] = {}
    agreements: list[Agreement] = []
    rows: list[dict[str, Any]] = []
    ends = _shares_of_time(plan)
    with _scratch() as scratch:
        for name, measurements in plan.shapes.items():
            shape, folder = SHAPES[name], scratch / name
            _alone(f"data of {name}", write_data, folder, shape, _params_of(shape, params, device))
            comparison = Comparison(
                (engines["reference"], engines["fused"]),
                shape,
                folder,
                params,
                device,
                threads,
                COMPARED_WINDOWS[device],
            )
            agreements.append(in_fresh_process(compare_engines, comparison, label=f"comparing at {name}"))
            require_agreement(agreements[-1])
            jobs = {
                role: Job(engine, shape, folder, params, device, threads, plan.seconds)
                for role, engine in engines.items()
            }
            weights[name], measured = _measure(jobs, measurements, plan.repeats, next(ends))
            rows += measured
        memory = _memory(engines["fused"], params, device, threads, scratch) if plan.memory else None
    quality, left_out = race_engines(plan, own_params, threads)
    columns = ["shape", "measurement", "role", "engine", "repeat", *(field.name for field in fields(Reading))]
    return EngineRuns(
        plan=plan,
        facts=gather_facts(device),
        ceilings=ceilings,
        shapes={name: SHAPES[name] for name in plan.shapes},
        weights=weights,
        runs=pd.DataFrame(rows, columns=columns),
        agreements=agreements,
        memory=memory,
        quality=quality,
        left_out=left_out,
    )


def _measure(
    jobs: dict[str, Job], measurements: list[str], repeats: int, end: float
) -> tuple[int, list[dict[str, Any]]]:
    """All measurements of one shape: the number of weights, and a row for each reading."""
    shape = next(iter(jobs.values())).shape.name
    rows: list[dict[str, Any]] = []
    with OwnProcess(f"{shape}, reference") as reference, OwnProcess(f"{shape}, fused") as fused:
        processes = {"reference": reference, "fused": fused}
        for role, process in processes.items():
            process.hold(Bench, jobs[role])
        weights: int = reference.ask("weights")
        workers = {
            role: _best_workers(process, jobs[role], measurements) for role, process in processes.items()
        }
        for repeat in range(repeats):
            if repeat and time.monotonic() > end:
                log.info("%s: no time for more than %d repeats", shape, repeat)
                break
            for measurement in measurements:
                # A B, then B A: what warms up or slows down does so for both
                for role in list(processes)[:: 1 if repeat % 2 == 0 else -1]:
                    reading: Reading = processes[role].ask(measurement, workers[role][measurement])
                    row = {"shape": shape, "measurement": measurement, "role": role}
                    rows.append({**row, "engine": jobs[role].engine, "repeat": repeat, **asdict(reading)})
                log.info("%s", _line(rows[-2:]))
    return weights, rows


def _best_workers(process: OwnProcess, job: Job, measurements: list[str]) -> dict[str, int]:
    """By measurement, the number of loading processes that the engine is fastest with."""
    best = dict.fromkeys(measurements, 0)
    if job.engine != "reference":
        # nothing is loaded in processes of their own
        return best
    short = min(1.0, job.seconds)

    def fastest(measurement: str, counts: list[int]) -> int:
        speeds = {count: process.ask(measurement, count, short).windows_per_second for count in counts}
        said = ", ".join(f"{count}: {speed:,.0f}" for count, speed in speeds.items())
        log.info("%s.%s, windows/s by number of workers: %s", job.shape.name, measurement, said)
        return max(speeds, key=lambda count: speeds[count])

    loading = fastest("loader", _counts(cores()))
    # where the processor computes, too, workers may be in its way
    training = fastest("train", [0, loading]) if loading else 0
    best |= {one: training for one in measurements if one != "loader"}
    if "loader" in best:
        best["loader"] = loading
    process.ask("keep_loaders", set(best.values()))
    return best


def _counts(most: int) -> list[int]:
    return [0, *(1 << power for power in range(most.bit_length()))]


def _shares_of_time(plan: Plan) -> Iterator[float]:
    """When each shape's repeats end: what time is left is shared among the shapes that are left."""
    end = time.monotonic() + (float("inf") if plan.time_limit is None else plan.time_limit)
    for left in range(len(plan.shapes), 0, -1):
        now = time.monotonic()
        yield now + (end - now) / left


def _memory(engine: str, params: Params, device: Device, threads: int, scratch: Path) -> TableMemory:
    folder = scratch / MANY_ROWS.name
    _alone("many rows", write_data, folder, MANY_ROWS, _params_of(MANY_ROWS, params, device))
    memory: TableMemory = _alone(
        "memory", memory_of_many_rows, engine, MANY_ROWS, folder, params, device, threads
    )
    log.info("%d rows: %.0f MiB at most, %.0f allowed", memory.rows, memory.peak_mib, memory.limit_mib)
    return memory


def _params_of(shape: Shape, params: Params, device: Device) -> Params:
    return params_of(shape, params, engine="reference", device=device)


def _alone(label: str, function: Any, *arguments: Any) -> Any:
    with OwnProcess(label) as process:
        return process.run(function, *arguments)


def _line(pair: list[dict[str, Any]]) -> str:
    speeds = {row["role"]: row["windows_per_second"] for row in pair}
    first = pair[0]
    return (
        f"{first['shape']}.{first['measurement']}, repeat {first['repeat'] + 1}: "
        f"reference {speeds['reference']:,.0f}, fused {speeds['fused']:,.0f} windows/s "
        f"({speeds['fused'] / speeds['reference']:.1f}x)"
    )


@contextmanager
def _scratch() -> Iterator[Path]:
    parent = state_folder()
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="benchmark-") as folder:
        yield Path(folder)

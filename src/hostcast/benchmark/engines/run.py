"""The whole suite: every shape, memory on many rows, time to quality."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from hostcast.benchmark.engines.agreement import Agreement
from hostcast.benchmark.engines.ceilings import Ceilings, measure_ceilings
from hostcast.benchmark.engines.data import write_data
from hostcast.benchmark.engines.facts import chosen_device, gather_facts
from hostcast.benchmark.engines.job import Reading
from hostcast.benchmark.engines.plan import MEMORY, TIME_TO_QUALITY, Plan, make_plan
from hostcast.benchmark.engines.quality import QualityRun, race_engines
from hostcast.benchmark.engines.recipes import Recipes, make_recipes
from hostcast.benchmark.engines.shapes import SHAPES, Device, Shape, params_of
from hostcast.benchmark.engines.side_by_side import ShapeRuns, measure_shape
from hostcast.benchmark.engines.table_memory import MANY_ROWS, TableMemory, memory_of_many_rows
from hostcast.benchmark.given import Given
from hostcast.benchmark.isolation import OwnProcess
from hostcast.errors import HostcastError
from hostcast.native import load_kernels
from hostcast.params import Params
from hostcast.state import state_folder

__all__ = ["ENGINES", "EngineRuns", "require_success", "run_engines"]

log = logging.getLogger(__name__)

# by role: the engine that is measured against, and hostcast's own
ENGINES = {"reference": "reference", "fused": "fused"}


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
        recipes: what these train with.
        left_out: what was asked for and has no data here, and why.
        failures: what went wrong, by shape, memory or DATA.time_to_quality.
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
    recipes: Recipes
    left_out: dict[str, str]
    failures: dict[str, str]


def require_success(done: EngineRuns) -> None:
    """See that nothing went wrong; called once what went well is written.

    Raises:
        HostcastError: the engines disagree at a shape, or a process failed.
    """
    for name, failure in done.failures.items():
        raise HostcastError(
            f"benchmark of {name}: {failure}",
            remedy=f"leave it out, or look at it alone, with --only {name} or benchmark.only: [{name}]",
        )


def run_engines(
    params: Params,
    given: Given | None = None,
    *,
    engines: Mapping[str, str] = ENGINES,
    shapes: Mapping[str, Shape] = SHAPES,
    many_rows: Shape = MANY_ROWS,
    project: Path = Path(),
    save: Callable[[EngineRuns], None] | None = None,
) -> EngineRuns:
    """Measure what section `benchmark` of the params asks for.

    What goes wrong at one shape is noted, and the others are measured all the same; see `require_success`.

    Args:
        params: the project's params.
        given: where section `benchmark` was written; None = all in params.yaml.
        engines: names of the engines by role, reference and fused.
        shapes: all there are, by name.
        many_rows: what memory is measured on.
        project: folder with the project's own data, for the time to quality.
        save: called with what there is after each shape and each data set, in case that the rest is
            interrupted.

    Raises:
        HostcastError: the params ask for what there is not.
    """
    given = given or Given()
    device = chosen_device(params, given)
    plan = make_plan(params, device, given, shapes=shapes, project=project)
    recipes = make_recipes(params, engines, device)
    threads = torch.get_num_threads()
    # compiled now rather than while something is measured, and their lack told once
    load_kernels()
    failures: dict[str, str] = {}
    measured: dict[str, ShapeRuns] = {}
    memory: TableMemory | None = None
    quality: list[QualityRun] = []
    left_out: dict[str, str] = {}
    ceilings = _ceilings(device, threads)
    facts = gather_facts(device)

    def so_far() -> EngineRuns:
        return EngineRuns(
            plan=plan,
            facts=facts,
            ceilings=ceilings,
            shapes={name: shapes[name] for name in measured},
            weights={name: each.weights for name, each in measured.items()},
            runs=_table(measured.values()),
            agreements=[each.agreement for each in measured.values()],
            memory=memory,
            quality=list(quality),
            recipes=recipes,
            left_out=dict(left_out),
            failures=dict(failures),
        )

    @contextmanager
    def part(name: str) -> Iterator[None]:
        with _noted(name, failures):
            yield
        if save is not None:
            save(so_far())

    with _scratch() as scratch:
        for name, end in zip(plan.shapes, _shares_of_time(plan), strict=True):
            shape, folder = shapes[name], scratch / name
            with part(name):
                measured[name] = measure_shape(
                    shape, plan, params, engines, folder=folder, threads=threads, end=end
                )
                ceilings = ceilings.or_better(_ceilings(device, threads))
        if plan.memory:
            with part(MEMORY):
                memory = _memory(engines["fused"], many_rows, params, device, threads, scratch / MEMORY)
    for name, folder in plan.quality.items():
        # a shape may be called the same
        with part(f"{name}.{TIME_TO_QUALITY}"):
            runs, reason = race_engines(name, folder, recipes, device, threads)
            quality += runs
            left_out |= {} if reason is None else {name: reason}
    return so_far()


def _ceilings(device: Device, threads: int) -> Ceilings:
    with OwnProcess("the ceilings") as process:
        ceilings: Ceilings = process.run(measure_ceilings, device, threads)
        return ceilings


def _table(measured: Iterable[ShapeRuns]) -> pd.DataFrame:
    rows = [row for each in measured for row in each.rows]
    columns = ["shape", "measurement", "role", "engine", "repeat", *(field.name for field in fields(Reading))]
    return pd.DataFrame(rows, columns=columns)


def _memory(
    engine: str, shape: Shape, params: Params, device: Device, threads: int, folder: Path
) -> TableMemory:
    own = params_of(shape, params, engine=engine, device=device)
    with OwnProcess("many rows") as process:
        process.run(write_data, folder, shape, own)
    with OwnProcess("memory of many rows") as process:
        memory: TableMemory = process.run(memory_of_many_rows, engine, shape, folder, params, device, threads)
    log.info("%d rows: %.0f MiB at most, %.0f allowed", memory.rows, memory.peak_mib, memory.limit_mib)
    return memory


def _shares_of_time(plan: Plan) -> Iterator[float]:
    """When each shape's repeats end: what time is left is shared among the shapes that are left."""
    end = time.monotonic() + (float("inf") if plan.time_limit is None else plan.time_limit)
    for left in range(len(plan.shapes), 0, -1):
        now = time.monotonic()
        yield now + (end - now) / left


@contextmanager
def _noted(name: str, failures: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except (HostcastError, RuntimeError) as error:
        failures[name] = error.problem if isinstance(error, HostcastError) else str(error)
        log.error("%s: %s", name, failures[name])


@contextmanager
def _scratch() -> Iterator[Path]:
    parent = state_folder()
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="benchmark-") as folder:
        yield Path(folder)

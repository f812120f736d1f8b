"""What is measured: by suite, device and choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hostcast.benchmark.engines.shapes import SHAPES, Device, Shape
from hostcast.errors import HostcastError
from hostcast.params import Params

__all__ = ["MEASUREMENTS", "MEMORY", "TIME_TO_QUALITY", "Plan", "make_plan"]

MEASUREMENTS = ("loader", "step", "train", "predict")
TIME_TO_QUALITY = "time_to_quality"
MEMORY = "memory"
# the project's own data, for the time to quality
OWN = "fleet"


@dataclass(frozen=True)
class Plan:
    """What one run of the suite measures.

    Attributes:
        device: on what.
        shapes: name -> measurements.
        quality: name -> project folder: where time to quality is measured.
        memory: whether data and loader are measured on many rows.
        repeats: of each measurement, in turn.
        seconds: counted in each.
        time_limit: seconds after which no more repeats begin.
    """

    device: Device
    shapes: dict[str, list[str]]
    quality: dict[str, Path]
    memory: bool
    repeats: int
    seconds: float
    time_limit: float | None


def make_plan(
    params: Params, device: Device, *, shapes: Mapping[str, Shape] = SHAPES, project: Path = Path()
) -> Plan:
    """What section `benchmark` of the params asks for.

    Args:
        params: the project's params.
        device: what to run on.
        shapes: all there are.
        project: folder with the project's own data, for the time to quality.

    Raises:
        HostcastError: benchmark.only names what there is not.
    """
    budget = params.benchmark
    full = budget.suite == "full"
    usual = ["fleet"] if not full else ["fleet", "large"] if device == "cpu" else list(shapes)
    folders = {OWN: project, **{Path(folder).name: Path(folder) for folder in budget.quality_data}}
    every = [(shape, one) for shape in shapes for one in MEASUREMENTS]
    every += [(name, TIME_TO_QUALITY) for name in folders]
    if budget.only:
        _require_known(budget.only, [*shapes, *folders])
        chosen = [pair for pair in every if _is_named(pair, budget.only, usual)]
    else:
        chosen = [
            (shape, one) for shape, one in every if (full if one == TIME_TO_QUALITY else shape in usual)
        ]
    measured: dict[str, list[str]] = {}
    for shape, one in chosen:
        if one != TIME_TO_QUALITY:
            measured.setdefault(shape, []).append(one)
    return Plan(
        device=device,
        shapes=measured,
        quality={shape: folders[shape] for shape, one in chosen if one == TIME_TO_QUALITY},
        memory=MEMORY in budget.only if budget.only else full,
        repeats=(5 if full else 3) if budget.engine_repeats == "auto" else budget.engine_repeats,
        seconds=_seconds(budget.suite, device) if budget.seconds == "auto" else budget.seconds,
        time_limit=budget.time_limit,
    )


def _seconds(suite: str, device: Device) -> float:
    # a GPU's speed varies little, and it runs many steps in a second
    if device == "cuda":
        return 1.0
    return 3.0 if suite == "full" else 1.5


def _is_named(pair: tuple[str, str], names: Iterable[str], usual: list[str]) -> bool:
    shape, measurement = pair
    minutes = measurement == TIME_TO_QUALITY
    for name in names:
        # a shape alone means what takes seconds
        if name == f"{shape}.{measurement}" or (name == shape and not minutes):
            return True
        # a measurement alone means the suite's shapes, and all data for time to quality
        if name == measurement and (shape in usual or minutes):
            return True
    return False


def _require_known(names: list[str], shapes: list[str]) -> None:
    measurements = [*MEASUREMENTS, TIME_TO_QUALITY]
    known = {MEMORY, *shapes, *measurements, *(f"{a}.{b}" for a in shapes for b in measurements)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise HostcastError(
            f"benchmark.only names {unknown}",
            file="params.yaml",
            remedy=f"name a shape ({', '.join(dict.fromkeys(shapes))}), a measurement "
            f"({', '.join(measurements)}), both with a dot between, or {MEMORY}",
        )

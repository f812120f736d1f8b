"""What is measured: by suite, device and choice."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hostcast.benchmark.engines.projects import OWN, lacking, quality_projects
from hostcast.benchmark.engines.shapes import SHAPES, Device, Shape
from hostcast.benchmark.given import Given
from hostcast.benchmark.spread import repeats_of
from hostcast.params import Params

__all__ = ["MEASUREMENTS", "MEMORY", "TIME_TO_QUALITY", "Plan", "make_plan"]

log = logging.getLogger(__name__)

MEASUREMENTS = ("loader", "step", "train", "predict")
TIME_TO_QUALITY = "time_to_quality"
MEMORY = "memory"


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
    params: Params,
    device: Device,
    given: Given,
    *,
    shapes: Mapping[str, Shape] = SHAPES,
    project: Path = Path(),
) -> Plan:
    """What section `benchmark` of the params asks for.

    Args:
        params: the project's params.
        device: what to run on.
        given: where section `benchmark` was written.
        shapes: all there are.
        project: folder with the project's own data, for the time to quality.

    Raises:
        HostcastError: benchmark.only or benchmark.quality_data names what there is not.
    """
    budget = params.benchmark
    full = budget.suite == "full"
    usual = ["fleet"] if not full else ["fleet", "large"] if device == "cpu" else list(shapes)
    folders = quality_projects(params, given, project)
    every = [(shape, one) for shape in shapes for one in MEASUREMENTS]
    every += [(name, TIME_TO_QUALITY) for name in folders]
    if budget.only:
        _require_known(budget.only, shapes, every, given)
        chosen = [pair for pair in every if _is_named(pair, budget.only, usual)]
    else:
        chosen = [
            (shape, one) for shape, one in every if (full if one == TIME_TO_QUALITY else shape in usual)
        ]
    quality = {shape: folders[shape] for shape, one in chosen if one == TIME_TO_QUALITY}
    if budget.only and OWN in quality:
        _require_own_data(project, given)
    if "quality_data" in given.options and len(folders) > 1 and not set(quality) - {OWN}:
        log.warning(
            "%s: time to quality is not measured; ask for it with --suite full or --only %s",
            given.name("quality_data"),
            TIME_TO_QUALITY,
        )
    measured: dict[str, list[str]] = {}
    for shape, one in chosen:
        if one != TIME_TO_QUALITY:
            measured.setdefault(shape, []).append(one)
    return Plan(
        device=device,
        shapes=measured,
        quality=quality,
        memory=MEMORY in budget.only if budget.only else full,
        repeats=repeats_of(budget),
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


def _require_own_data(project: Path, given: Given) -> None:
    absent = lacking(project)
    if absent is not None:
        raise given.error(
            "only",
            f"asks for the time to quality on this project's own data, but there is no {absent}",
            remedy=f"make it with `dvc repro featurize split`, or name other data: DATA.{TIME_TO_QUALITY}",
        )


def _require_known(
    names: list[str], shapes: Iterable[str], every: list[tuple[str, str]], given: Given
) -> None:
    measurements = [*MEASUREMENTS, TIME_TO_QUALITY]
    known = {MEMORY, *shapes, *measurements, *(".".join(pair) for pair in every)}
    data = [".".join(pair) for pair in every if pair[1] == TIME_TO_QUALITY]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise given.error(
            "only",
            f"names {', '.join(map(repr, unknown))}",
            remedy=f"name a shape ({', '.join(shapes)}), a measurement ({', '.join(measurements)}), both "
            f"with a dot between, {MEMORY}, or the time to quality on some data ({', '.join(data)})",
        )

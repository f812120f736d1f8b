"""Time to quality: seconds until the validation loss that the reference engine reaches."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from hostcast.benchmark.engines.projects import lacking
from hostcast.benchmark.engines.race import Course, Race, reached_at, run_race
from hostcast.benchmark.engines.recipes import Recipes
from hostcast.benchmark.engines.shapes import Device
from hostcast.benchmark.isolation import in_fresh_process

__all__ = ["QualityRun", "race_engines"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QualityRun:
    """One training beside its counterpart.

    Attributes:
        data: name of the data it trained on.
        repeat: number of the pair, from 0.
        role: reference or fused.
        course: its validations.
        goal: the reference's best validation loss in this pair.
        seconds: until that was reached; None if it was not.
    """

    data: str
    repeat: int
    role: str
    course: Course
    goal: float
    seconds: float | None


def race_engines(
    data: str, folder: Path, recipes: Recipes, device: Device, threads: int
) -> tuple[list[QualityRun], str | None]:
    """Train both engines, the reference to its own early stop, the other as far as that.

    Args:
        data: name of the data.
        folder: project that holds it.
        recipes: what to train with.
        device: what to run on.
        threads: torch's compute threads.

    Returns:
        All trainings, and why there are none where the data is missing.
    """
    absent = lacking(folder)
    if absent is not None:
        log.warning("no time to quality on %s: there is no %s", data, absent)
        return [], f"there is no {absent}"
    runs: list[QualityRun] = []
    for repeat in range(recipes.project.benchmark.quality_repeats):
        goal: float | None = None
        for role, own in (("reference", recipes.reference), ("fused", recipes.fused)):
            seed = (own.base.random_seed + repeat) % 2**32
            race = Race(folder, own, device, threads, seed, goal)
            course = in_fresh_process(run_race, race, label=f"{data}, time to quality, {role}")
            goal = course.best if goal is None else goal
            runs.append(QualityRun(data, repeat, role, course, goal, reached_at(course, goal)))
            log.info("%s, seed %d, %s: %s", data, seed, role, _outcome(runs[-1]))
    return runs, None


def _outcome(run: QualityRun) -> str:
    if run.seconds is None:
        return f"validation loss {run.course.best:.5f} at best, {run.goal:.5f} not reached"
    return f"validation loss {run.goal:.5f} after {run.seconds:.1f} s"

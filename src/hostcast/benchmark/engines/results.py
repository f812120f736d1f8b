"""What the runs come to: ratios, spreads, shares of the floor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from hostcast.benchmark.commit import Commit
from hostcast.benchmark.engines.floor import Floor, floor_of
from hostcast.benchmark.engines.plan import MEASUREMENTS, TIME_TO_QUALITY
from hostcast.benchmark.engines.run import EngineRuns
from hostcast.benchmark.spread import Spread, spread_of

__all__ = ["Result", "Role", "engine_metrics", "engine_results", "results_document"]

Role = Literal["reference", "fused"]
ROLES: tuple[Role, ...] = ("reference", "fused")


@dataclass(frozen=True)
class Result:
    """One measurement of both engines.

    Attributes:
        shape: or the name of the data, for the time to quality.
        measurement: loader, step, train, predict or time_to_quality.
        unit: windows/s, or s.
        reference, fused: medians and ranges of the pairs that reached the quality; None if none did.
        ratio: of each pair, above 1 where fused is better; None if the quality was not always reached.
        repeats: number of pairs; for the time to quality each has a seed of its own.
        reached: by role, in how many of them the quality was reached; None where there is none to reach.
        workers: loading processes of the reference engine.
        warm_up_seconds, setup_seconds: medians, by role.
        memory: peak memory in MiB by role and kind (rss, gpu), of the first repeat.
        share_of_floor: by role, the speed as a share of what the machine's ceilings allow at most.
    """

    shape: str
    measurement: str
    unit: str
    reference: Spread | None
    fused: Spread | None
    ratio: Spread | None
    repeats: int
    reached: dict[Role, int] | None = None
    workers: int | None = None
    warm_up_seconds: dict[str, float] | None = None
    setup_seconds: dict[str, float] | None = None
    memory: dict[str, dict[str, float]] | None = None
    share_of_floor: dict[str, float] | None = None

    def spread(self, role: Role) -> Spread | None:
        """Median and range of a role."""
        return self.reference if role == "reference" else self.fused

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def engine_results(done: EngineRuns) -> list[Result]:
    """All measurements, by shape."""
    results = []
    for shape in done.shapes:
        floor, measurements = _floor(done, shape), done.plan.shapes[shape]
        for measurement in MEASUREMENTS:
            if measurement in measurements:
                here = (done.runs["shape"] == shape) & (done.runs["measurement"] == measurement)
                results.append(_speed(done, shape, measurement, done.runs[here], floor))
    return results + [_quality(done, data) for data in dict.fromkeys(run.data for run in done.quality)]


def engine_metrics(done: EngineRuns) -> dict[str, Any]:
    """What `dvc metrics` shows: device, shape, measurement -> reference, fused, ratio, spread, memory."""
    shapes: dict[str, Any] = {}
    for result in engine_results(done):
        if result.measurement == "step":
            continue
        entry: dict[str, Any] = {
            role: None if spread is None else _short(spread.median)
            for role, spread in ((role, result.spread(role)) for role in ROLES)
        }
        ratio = result.ratio
        entry["ratio"] = None if ratio is None else _short(ratio.median)
        entry["spread"] = None if ratio is None else {"low": _short(ratio.low), "high": _short(ratio.high)}
        if result.reached is not None:
            entry |= {"seeds": result.repeats, "reached": result.reached}
        if result.memory is not None:
            entry["memory"] = {
                role: {kind: _short(mib) for kind, mib in kinds.items()}
                for role, kinds in result.memory.items()
            }
        shapes.setdefault(result.shape, {})[result.measurement] = entry
    metrics: dict[str, Any] = {done.plan.device: shapes} if shapes else {}
    if done.memory is not None:
        names = ("rows", "float32_mib", "peak_mib", "limit_mib")
        metrics["memory"] = {name: _short(getattr(done.memory, name)) for name in names}
    return metrics


def results_document(done: EngineRuns, commit: Commit | None) -> dict[str, Any]:
    """All that was measured, with what it was measured on: JSON-able.

    Args:
        done: what was measured.
        commit: of the code that was; None if nobody knows.
    """
    floors = {shape: _floor(done, shape).to_dict() for shape in done.shapes}
    return {
        **done.facts,
        "code": None if commit is None else commit.to_dict(),
        "device": done.plan.device,
        "repeats": done.plan.repeats,
        "seconds": done.plan.seconds,
        "results": [result.to_dict() for result in engine_results(done)],
        "memory": None if done.memory is None else done.memory.to_dict(),
        "agreement": [agreement.to_dict() for agreement in done.agreements],
        "left_out": done.left_out,
        "failures": done.failures,
        "ceilings": done.ceilings.to_dict(),
        "floors": floors,
        "shapes": {
            name: {**shape.to_dict(), "weights": done.weights[name]} for name, shape in done.shapes.items()
        },
        "runs": done.runs.astype(object).where(done.runs.notna(), None).to_dict("records"),
        "recipes": done.recipes.to_dict() if done.quality else None,
        "quality": [{**asdict(run), "course": run.course.to_dict()} for run in done.quality],
    }


def _speed(done: EngineRuns, shape: str, measurement: str, runs: pd.DataFrame, floor: Floor) -> Result:
    speeds = runs.pivot(index="repeat", columns="role", values="windows_per_second")
    spreads = {role: spread_of(speeds[role]) for role in ROLES}
    by_role = {role: runs[runs["role"] == role] for role in ROLES}
    least = _least_seconds(done, shape, measurement, floor)
    return Result(
        shape=shape,
        measurement=measurement,
        unit="windows/s",
        reference=spreads["reference"],
        fused=spreads["fused"],
        ratio=spread_of(speeds["fused"] / speeds["reference"]),
        repeats=len(speeds),
        workers=int(by_role["reference"]["workers"].iloc[0]),
        warm_up_seconds={role: float(part["warm_up_seconds"].median()) for role, part in by_role.items()},
        setup_seconds={role: float(part["setup_seconds"].median()) for role, part in by_role.items()},
        memory={role: _peaks(part) for role, part in by_role.items()},
        share_of_floor={role: spread.median * least for role, spread in spreads.items()},
    )


def _peaks(runs: pd.DataFrame) -> dict[str, float]:
    # later repeats find what the earlier ones left in the process
    first = runs.sort_values("repeat").iloc[0]
    peaks = {"rss": float(first["peak_memory_mib"])}
    if pd.notna(first["peak_gpu_memory_mib"]):
        peaks["gpu"] = float(first["peak_gpu_memory_mib"])
    return peaks


def _least_seconds(done: EngineRuns, shape: str, measurement: str, floor: Floor) -> float:
    """Seconds per window at the ceilings."""
    ceilings, sizes = done.ceilings, done.shapes[shape]
    match measurement:
        case "loader":
            return floor.loader_bytes / ceilings.bytes_per_second
        case "predict":
            operations, moved, arithmetic = (
                floor.forecast_operations,
                floor.forecast_bytes,
                ceilings.of("32-true"),
            )
        case _:
            operations, moved = floor.training_operations, floor.training_bytes
            arithmetic = ceilings.of(sizes.precision(done.plan.device))
    return max(operations / arithmetic, moved / ceilings.bytes_per_second)


def _floor(done: EngineRuns, name: str) -> Floor:
    shape, device = done.shapes[name], done.plan.device
    return floor_of(
        shape,
        weights=done.weights[name],
        activation_bytes=4 if shape.precision(device) == "32-true" else 2,
        batch_size=shape.batch_size,
        forecast_batch=shape.forecast_batch(device),
    )


def _quality(done: EngineRuns, data: str) -> Result:
    runs = pd.DataFrame(
        [(run.repeat, run.role, run.seconds) for run in done.quality if run.data == data],
        columns=["repeat", "role", "seconds"],
    )
    seconds = runs.pivot(index="repeat", columns="role", values="seconds").astype(float)
    reached = {role: int(seconds[role].notna().sum()) for role in ROLES}
    whole = min(reached.values()) == len(seconds)
    return Result(
        shape=data,
        measurement=TIME_TO_QUALITY,
        unit="s",
        reference=spread_of(seconds["reference"]),
        fused=spread_of(seconds["fused"]) if reached["fused"] else None,
        ratio=spread_of(seconds["reference"] / seconds["fused"]) if whole else None,
        repeats=len(seconds),
        reached=reached,
    )


def _short(value: float) -> float:
    """Four figures: more would be noise."""
    return float(f"{value:.4g}")

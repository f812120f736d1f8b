"""What a bench is asked to do, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hostcast.benchmark.engines.shapes import Device, Shape
from hostcast.params import Params

__all__ = ["Job", "Reading"]


@dataclass(frozen=True)
class Job:
    """What a bench is made of; it travels to a process of its own.

    Attributes:
        engine: name of the engine.
        shape: sizes of data and model.
        folder: where the shape's data was written.
        params: the project's params.
        device: what to run on.
        threads: torch's compute threads.
        seconds: how long to count in each measurement.
    """

    engine: str
    shape: Shape
    folder: Path
    params: Params
    device: Device
    threads: int
    seconds: float


@dataclass(frozen=True)
class Reading:
    """What one measurement came to.

    Attributes:
        workers: loading processes.
        windows_per_second: once warm.
        windows, seconds: what was counted.
        warm_up_seconds: what went before.
        setup_seconds: making the data set and the loader, not counted elsewhere.
        peak_memory_mib: largest resident memory of the process meanwhile, and what its workers add to it.
        peak_gpu_memory_mib: largest memory allocated on the GPU; None without one.
    """

    workers: int
    windows_per_second: float
    windows: int
    seconds: float
    warm_up_seconds: float
    setup_seconds: float
    peak_memory_mib: float
    peak_gpu_memory_mib: float | None

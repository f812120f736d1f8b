"""Which machine, which versions, which command: what a number is worth nothing without."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

import hostcast
from hostcast.benchmark.engines.shapes import Device
from hostcast.benchmark.given import Given
from hostcast.params import Params

__all__ = ["chosen_device", "cores", "gather_facts"]

LIBRARIES = ("torch", "lightning", "pytorch-forecasting", "numpy", "pandas", "pyarrow")


def chosen_device(params: Params, given: Given) -> Device:
    """The device that benchmark.device names.

    Args:
        params: the project's params.
        given: where section `benchmark` was written.

    Raises:
        HostcastError: it is cuda, and there is none.
    """
    wanted = params.benchmark.device
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise given.error(
            "device",
            "is cuda, but torch sees no CUDA device",
            remedy="make it auto or cpu, or install a CUDA build of torch",
        )
    if wanted == "auto":
        return "cuda" if available and params.runtime.accelerator != "cpu" else "cpu"
    return wanted


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gather_facts(device: Device) -> dict[str, Any]:
    """Machine, versions and command, JSON-able."""
    machine: dict[str, Any] = {
        "processor": _processor(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if device == "cuda":
        gpu = torch.cuda.get_device_properties(0)
        machine |= {"gpu": gpu.name, "gpu_memory_gib": round(gpu.total_memory / 2**30, 1)}
    versions = {"hostcast": hostcast.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    versions["torch"] = torch.__version__
    command = shlex.join(["python", *sys.argv])
    return {"machine": machine, "versions": versions, "command": command}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())

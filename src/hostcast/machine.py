"""What this machine has: GPU or not, and how many processes load batches."""

from __future__ import annotations

import os

import torch

from hostcast.engines import LoaderOptions
from hostcast.errors import HostcastError
from hostcast.params import RuntimeParams

__all__ = ["loader_options", "uses_gpu"]


def uses_gpu(runtime: RuntimeParams) -> bool:
    """Whether a GPU is used.

    Raises:
        HostcastError: one is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if runtime.accelerator == "gpu" and not available:
        raise HostcastError(
            "runtime.accelerator is gpu, but torch sees no CUDA device",
            file="params.yaml",
            remedy="set runtime.accelerator to auto or cpu, or install a CUDA build of torch",
        )
    return available and runtime.accelerator != "cpu"


def loader_options(runtime: RuntimeParams) -> LoaderOptions:
    """Worker processes and pinning for this machine.

    `auto` leaves few cores of a CPU to loading, where the model needs them (on two cores, none: the benchmark
    measures workers as a loss there), and takes up to four workers where a GPU waits for them.
    """
    gpu = uses_gpu(runtime)
    if runtime.num_workers == "auto":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = min(4, max(1, cores - 1)) if gpu else min(2, (cores - 1) // 2)
    else:
        workers = runtime.num_workers
    return LoaderOptions(workers, runtime.pin_memory and gpu, runtime.persistent_workers)

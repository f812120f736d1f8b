"""What the machine can do at most: large matrix products and large copies."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch

from hostcast.benchmark.engines.shapes import Device, Precision

__all__ = ["Ceilings", "measure_ceilings"]

REPEATS = 7


@dataclass(frozen=True)
class Ceilings:
    """The best of several.

    Attributes:
        operations_per_second: floating-point operations of a square matrix product, by precision.
        bytes_per_second: read and written by a copy within the memory that the model works in.
        matrix: rows of the matrices.
        copied_mib: size of the copy.
    """

    operations_per_second: dict[str, float]
    bytes_per_second: float
    matrix: int
    copied_mib: int

    def of(self, precision: Precision) -> float:
        """Operations per second in the arithmetic of a training precision."""
        return self.operations_per_second[precision.split("-")[0]]

    def or_better(self, other: Ceilings) -> Ceilings:
        """The higher of each: a machine that was busy at one time may not have been at another."""
        operations = {
            name: max(speed, other.operations_per_second[name])
            for name, speed in self.operations_per_second.items()
        }
        fastest = max(self.bytes_per_second, other.bytes_per_second)
        return replace(self, operations_per_second=operations, bytes_per_second=fastest)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def measure_ceilings(device: Device, threads: int, *, small: bool = False) -> Ceilings:
    """Measure now.

    Args:
        device: where.
        threads: torch's compute threads.
        small: sizes for tests.
    """
    torch.set_num_threads(threads)
    gpu = device == "cuda"
    matrix, mib = (64, 1) if small else (8192, 2048) if gpu else (2048, 512)
    kinds = {"32": torch.float32}
    if gpu:
        kinds |= {"bf16": torch.bfloat16, "16": torch.float16}
    operations = {}
    for name, kind in kinds.items():
        one, other = (torch.randn(matrix, matrix, device=device).to(kind) for _ in range(2))
        seconds = _best(partial(torch.mm, one, other, out=torch.empty_like(one)), gpu)
        operations[name] = 2 * matrix**3 / seconds
    source = torch.ones(mib * 2**18, device=device)
    target = torch.zeros_like(source)
    copied = 2 * source.numel() * source.element_size()
    return Ceilings(operations, copied / _best(partial(target.copy_, source), gpu), matrix, mib)


def _best(work: Callable[[], object], gpu: bool) -> float:
    times = []
    for _ in range(REPEATS):
        if gpu:
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)

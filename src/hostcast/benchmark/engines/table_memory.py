"""How much memory data and loader take on many rows."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device

from hostcast.benchmark.engines.data import open_data
from hostcast.benchmark.engines.shapes import SHAPES, Device, Shape, params_of
from hostcast.benchmark.memory import MIB, forget_peak, peak_resident_mib
from hostcast.benchmark.quiet import quieten
from hostcast.engines import LoaderOptions, get_engine
from hostcast.params import Params
from hostcast.windows import fit_inputs

__all__ = ["MANY_ROWS", "TableMemory", "memory_of_many_rows"]

# 10 million rows in all
MANY_ROWS = replace(SHAPES["fleet"], name="rows", series=1000, rows=10_000)
BATCHES = 100


@dataclass(frozen=True)
class TableMemory:
    """The peak of a process that reads a features table and loads training batches of it.

    Attributes:
        rows, columns: of numbers in the table.
        float32_mib: size of these numbers in fp32.
        before_mib: resident memory with all libraries loaded and no data.
        peak_mib: the largest resident memory.
        limit_mib: 1.5 times the numbers' size, and 1 GiB.
        peak_gpu_mib: the largest memory allocated on the GPU; None without one.
        setup_seconds: from the file to the first batch.
    """

    rows: int
    columns: int
    float32_mib: float
    before_mib: float
    peak_mib: float
    limit_mib: float
    peak_gpu_mib: float | None
    setup_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def memory_of_many_rows(
    engine_name: str, shape: Shape, folder: Path, params: Params, device: Device, threads: int
) -> TableMemory:
    """Read the table, fit the inputs, load batches; see `TableMemory`.

    Args:
        engine_name: whose loader.
        shape: what was written to `folder`.
        params: the project's params.
        device: where batches go.
        threads: torch's compute threads.
    """
    quieten()
    torch.set_num_threads(threads)
    gpu = device == "cuda"
    if gpu:
        torch.zeros(1, device="cuda")
    forget_peak()
    before = peak_resident_mib()
    start = time.perf_counter()
    own = params_of(shape, params, engine=engine_name, device=device)
    data, engine = open_data(folder), get_engine(engine_name)
    spec = fit_inputs(data.features, data.roles, data.split, own)
    loader = engine.source(data.features, spec).loader(
        data.split.cutoffs("train"),
        batch_size=shape.batch_size,
        options=LoaderOptions(pin_memory=gpu),
        windows_per_epoch=BATCHES * shape.batch_size,
        seed=own.base.random_seed,
    )
    seconds = 0.0
    for raw in loader:
        engine.unpack(move_data_to_device(raw, torch.device(device)), spec)
        seconds = seconds or time.perf_counter() - start
    rows, columns = data.features.rows, len(data.roles.columns)
    size = rows * columns * 4 / MIB
    return TableMemory(
        rows=rows,
        columns=columns,
        float32_mib=size,
        before_mib=before,
        peak_mib=peak_resident_mib(),
        limit_mib=1.5 * size + 1024,
        peak_gpu_mib=torch.cuda.max_memory_allocated() / MIB if gpu else None,
        setup_seconds=seconds,
    )

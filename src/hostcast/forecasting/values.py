"""Quantiles of windows, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor

from hostcast.engines import Engine, Network
from hostcast.windows import Batch, InputSpec, QuantileForecast

__all__ = ["forecast_values"]


def forecast_values(
    network: Network,
    engine: Engine,
    spec: InputSpec,
    loader: Iterable[Any],
    *,
    device: torch.device,
    note: Callable[[Batch, QuantileForecast], None] | None = None,
) -> npt.NDArray[np.float64]:
    """Quantiles of all windows of a loader, (windows, horizon, targets, levels), in the targets' units.

    Args:
        network: on the device, in evaluation mode.
        engine: unpacks batches.
        spec: inputs and scales.
        loader: of the engine.
        device: where to compute.
        note: called with each batch and what came out of it.
    """
    chunks: list[npt.NDArray[np.float32]] = []
    with torch.inference_mode():
        for values in _one_behind(_computed(network, engine, spec, loader, device, note)):
            chunks.append(values.numpy())
    return np.concatenate(chunks, dtype=np.float64)


def _computed(
    network: Network,
    engine: Engine,
    spec: InputSpec,
    loader: Iterable[Any],
    device: torch.device,
    note: Callable[[Batch, QuantileForecast], None] | None,
) -> Iterator[Tensor]:
    for raw in loader:
        batch = engine.unpack(move_data_to_device(raw, device), spec)
        out = network(batch)
        yield out.in_units(batch)
        if note is not None:
            note(batch, out)


def _one_behind(results: Iterable[Tensor]) -> Iterator[Tensor]:
    """Results in the processor's memory; from a GPU each is copied while the next is computed."""
    waiting: tuple[Tensor, torch.cuda.Event] | None = None
    for result in results:
        if not result.is_cuda:
            yield result
            continue
        host = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
        host.copy_(result, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        if waiting is not None:
            yield _arrived(*waiting)
        waiting = host, copied
    if waiting is not None:
        yield _arrived(*waiting)


def _arrived(host: Tensor, copied: torch.cuda.Event) -> Tensor:
    copied.synchronize()
    # page-locked memory is scarce
    return host.clone()

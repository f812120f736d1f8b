"""From window scale to the targets' units."""

from __future__ import annotations

import torch
from torch import Tensor

from hostcast.native import LONG, load_kernels, pointer, run_kernel

__all__ = ["in_units"]


def in_units(quantiles: Tensor, center: Tensor, spread: Tensor) -> Tensor:
    """Quantiles in the targets' units, in order, float32.

    Args:
        quantiles: (windows, horizon, targets, levels), in window scale.
        center, spread: (windows, targets).
    """
    kernels = load_kernels() if quantiles.device.type == "cpu" else None
    if kernels is None or quantiles.requires_grad:
        rising = torch.sort(quantiles.float(), dim=-1).values
        return rising * spread[:, None, :, None] + center[:, None, :, None]
    quantiles, center, spread = (x.float().contiguous() for x in (quantiles, center, spread))
    out = torch.empty_like(quantiles)
    head = (*map(pointer, (quantiles, center, spread)), *quantiles.shape[1:])

    def run(chunk: int, first: int, last: int) -> int:
        return int(kernels.hostcast_quantiles(*head, LONG(first), LONG(last), pointer(out)))

    run_kernel(run, len(quantiles))
    return out

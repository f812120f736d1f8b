"""Which layers a GPU has kernels for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

from hostcast.engines.fused.folding import FoldedGrn

__all__ = ["product_dtype", "selection_kernel", "tile"]

# Triton's products are of powers of two from 16 on
NARROWEST = 16


def selection_kernel(x: Tensor, net: FoldedGrn) -> Callable[..., Tensor] | None:
    """`triton_selection.selection`, where it can compute networks like these.

    Triton comes with torch for CUDA.
    """
    if not _has_triton(x) or not _fits(net, product_dtype(x), x.device):
        return None
    from hostcast.engines.fused.triton_selection import selection

    return selection


def product_dtype(x: Tensor) -> torch.dtype:
    """What matrix products are computed in."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32


def _has_triton(x: Tensor) -> bool:
    return x.is_cuda and torch.version.hip is None and importlib.util.find_spec("triton") is not None


def _fits(net: FoldedGrn, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether registers and shared memory hold it; a Hopper GPU has been tried, others have less memory."""
    hopper = torch.cuda.get_device_capability(device)[0] == 9
    widest = 32 if not hopper else 64 if dtype == torch.float32 else 128
    hidden, width = net.first.shape[1], net.gain.shape[1]
    return tile(hidden) <= widest and tile(width) == width <= widest


def tile(size: int) -> int:
    """The smallest size of a product in Triton that holds one of this size."""
    return max(NARROWEST, 1 << (size - 1).bit_length())

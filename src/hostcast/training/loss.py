"""The training loss."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["pinball_sums"]


def pinball_sums(
    quantiles: Tensor, target: Tensor, observed: Tensor, spread: Tensor, levels: Tensor
) -> tuple[Tensor, Tensor]:
    """Twice the pinball loss of each target, summed, in the targets' units.

    Koenker and Bassett (1978), "Regression quantiles"; twice its mean over all levels approximates the
    CRPS, and at the level 0.5 is the absolute error.

    Args:
        quantiles: (batch, horizon, targets, levels), in window scale.
        target: (batch, horizon, targets), in window scale.
        observed: (batch, horizon, targets), 1 where the target counts, else 0.
        spread: (batch, targets), the unit of the window scale, or another weight of each window.
        levels: (levels,), between 0 and 1.

    Returns:
        Per target, (targets,) each: the sum of losses (mean over levels) and the number of values.
    """
    # half-precision outputs are compared in full precision, or small errors round away
    error = target.float()[..., None] - quantiles.float()
    loss = 2.0 * torch.maximum(levels * error, (levels - 1.0) * error).mean(dim=-1)
    weighted = loss * spread[:, None, :] * observed
    return weighted.sum(dim=(0, 1)), observed.sum(dim=(0, 1))

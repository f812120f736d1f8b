"""What every engine's loader yields and every engine's network returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hostcast.windows.units import in_units

__all__ = ["Batch", "QuantileForecast"]


@dataclass(frozen=True)
class Batch:
    """Windows ready for a network.

    Attributes:
        inputs: what the engine's network takes, opaque to everyone else.
        target: (batch, horizon, targets), in window scale; meaningless where not observed.
        observed: (batch, horizon, targets), 1 where the target was really observed, else 0.
        center, spread: (batch, targets): value = target * spread + center, in the targets' units.
    """

    inputs: dict[str, Any]
    target: Tensor
    observed: Tensor
    center: Tensor
    spread: Tensor

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The batch on another device."""

        def moved(value: Any) -> Any:
            return value.to(device, non_blocking=non_blocking) if isinstance(value, Tensor) else value

        return Batch(
            {name: moved(value) for name, value in self.inputs.items()},
            moved(self.target),
            moved(self.observed),
            moved(self.center),
            moved(self.spread),
        )

    def part(self, first: int, last: int, **inputs: Any) -> Batch:
        """Windows first to last - 1, without a copy; `inputs` replace those that are no tensors."""

        def cut(value: Any) -> Any:
            return value[first:last] if isinstance(value, Tensor) else value

        return Batch(
            {**{name: cut(value) for name, value in self.inputs.items()}, **inputs},
            cut(self.target),
            cut(self.observed),
            cut(self.center),
            cut(self.spread),
        )

    @property
    def size(self) -> int:
        """Number of windows."""
        return int(self.target.shape[0])


@dataclass(frozen=True)
class QuantileForecast:
    """What a network returns for a batch.

    Attributes:
        quantiles: (batch, horizon, targets, levels), in window scale, levels as trained.
        encoder_attention: (batch, horizon, heads, encoder_length), padded on the right; None where the
            network was not asked for it.
        encoder_lengths: (batch,), steps of history.
        static_weights, encoder_weights, decoder_weights: variable-selection weights,
            (batch, variables), (batch, encoder_length, variables), (batch, horizon, variables).
    """

    quantiles: Tensor
    encoder_attention: Tensor | None
    encoder_lengths: Tensor
    static_weights: Tensor
    encoder_weights: Tensor
    decoder_weights: Tensor

    def in_units(self, batch: Batch) -> Tensor:
        """Quantiles in the targets' units, (batch, horizon, targets, levels), float32, rising.

        Crossing levels are put in order, which never makes the pinball loss worse (Chernozhukov,
        Fernández-Val and Galichon, 2010, "Quantile and probability curves without crossing").
        """
        return in_units(self.quantiles, batch.center, batch.spread)

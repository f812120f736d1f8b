"""Speed that changes the result is no gain: both engines must compute the same from the same weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hostcast.errors import HostcastError

__all__ = ["TOLERANCES", "Agreement", "require_agreement"]

# largest difference, relative to the largest value of the reference
TOLERANCES = {
    "batches": 1e-6,
    "trained_quantiles": 1e-4,
    "forecast_quantiles": 1e-4,
    "loss": 1e-4,
    "gradients": 1e-3,
    "loss_after_steps": 1e-3,
}


@dataclass(frozen=True)
class Agreement:
    """By how much two engines differ on one batch, in fp32: largest difference / largest value.

    Attributes:
        shape, device, windows: what was compared.
        batches: of targets, their flags and their scales.
        trained_quantiles: as computed in training, without dropout.
        forecast_quantiles: as computed in forecasting.
        loss: of the training loss.
        gradients: of the loss by all weights.
        loss_after_steps: of the training loss, after a few steps on the same batch.
    """

    shape: str
    device: str
    windows: int
    batches: float
    trained_quantiles: float
    forecast_quantiles: float
    loss: float
    gradients: float
    loss_after_steps: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def require_agreement(agreement: Agreement) -> None:
    """Hold the differences to `TOLERANCES`.

    Raises:
        HostcastError: one is too large, or no number.
    """
    for name, tolerance in TOLERANCES.items():
        difference = getattr(agreement, name)
        # a comparison with NaN is never true
        if not difference <= tolerance:
            raise HostcastError(
                f"the engines disagree at {agreement.shape} on {agreement.device}: {name.replace('_', ' ')} "
                f"differ by {difference:.2g} of the largest value, {tolerance:g} is allowed",
                remedy="speeds mean nothing until both compute the same: report this as a bug, with "
                "params.yaml and the versions of torch and pytorch-forecasting",
            )

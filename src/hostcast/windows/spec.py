"""What a model takes in and how it is scaled: the contract that is shipped with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from hostcast.windows.columns import Columns, column_name

__all__ = ["ABSENT", "InputSpec", "Scale", "TargetScale"]

SERVER = "server"
FLOAT32 = "float32"
# a finite number, as pytorch-forecasting takes no other, that is no value of a target
ABSENT = -3.0e38


@dataclass(frozen=True)
class Scale:
    """An affine scale: (value - center) / spread. Units of the column."""

    center: float
    spread: float


@dataclass(frozen=True)
class TargetScale:
    """What the training span says of one target, in the target's unit.

    Attributes:
        fleet: mean and standard deviation over all servers.
        servers: mean and standard deviation per server.
        loss: mean absolute value; pinball losses are divided by it, so that no unit dominates and the
            sum over targets is the mean of their wQL.
    """

    fleet: Scale
    servers: dict[str, Scale]
    loss: float


@dataclass(frozen=True)
class InputSpec:
    """The contract between data and model.

    Attributes:
        targets: what is forecast, in the order of the network's output.
        known: real inputs known over the horizon.
        observed: real inputs known up to the cutoff, beside the targets.
        categories: text inputs -> their known values; code 0 stands for any other.
        scales: scale of each known and observed real but those of `scaled_as`.
        scaled_as: inputs that are a target at another time -> that target: they take its scale in each
            window, and `ABSENT` stands for a time before the server's first row.
        fill: value of each target and real before its first observation.
        target_scales: statistics of each target.
        left_out: inputs that do not vary over the training span, and so tell nothing.
        normalizer: how a window's targets are scaled, see `hostcast.windows.normalizers`.
        encoder_length, min_encoder_length, horizon: window lengths, steps.
        quantiles: levels forecast, rising.
    """

    targets: list[str]
    known: list[str]
    observed: list[str]
    categories: dict[str, list[str]]
    scales: dict[str, Scale]
    scaled_as: dict[str, str]
    fill: dict[str, float]
    target_scales: dict[str, TargetScale]
    left_out: list[str]
    normalizer: str
    encoder_length: int
    min_encoder_length: int
    horizon: int
    quantiles: list[float]

    @property
    def columns(self) -> Columns:
        """Names of the columns that carry these inputs to the network."""
        return Columns(
            targets=[column_name("y", name) for name in self.targets],
            observed_flags=[column_name("seen", name) for name in self.targets],
            known=[column_name("x", name) for name in self.known],
            observed=[column_name("x", name) for name in self.observed],
            categories=[column_name("c", name) for name in self.categories],
            centers=[column_name("center", name) for name in self.targets],
            spreads=[column_name("spread", name) for name in self.targets],
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            KeyError, TypeError: the content is not of that form.
        """
        # models of earlier versions have none
        fields = {"scaled_as": {}, **content}
        fields["scales"] = {name: Scale(**scale) for name, scale in fields["scales"].items()}
        fields["target_scales"] = {
            name: TargetScale(
                Scale(**entry["fleet"]),
                {server: Scale(**scale) for server, scale in entry["servers"].items()},
                entry["loss"],
            )
            for name, entry in fields["target_scales"].items()
        }
        return cls(**fields)

"""What a model takes in and how it is scaled: fitted on the training span, shipped with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from hostcast.features import Roles
from hostcast.params import Params
from hostcast.splitting import Split
from hostcast.windows.columns import Columns, column_name

__all__ = ["InputSpec", "Scale", "TargetScale", "fit_inputs"]

SERVER = "server"
FLOAT32 = "float32"


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
        scales: scale of each known and observed real.
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
        fields = dict(content)
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


def fit_inputs(features: pd.DataFrame, roles: Roles, split: Split, params: Params) -> InputSpec:
    """Fit scales and vocabularies on the training span and nothing after it.

    Args:
        features: the features table (server, timestamp, columns of `roles`), sorted.
        roles: each column's role.
        split: where training ends on each server.
        params: sections base, split, model and evaluate are read.
    """
    train = _training_rows(features, split)
    reals = [*roles.known_reals, *roles.observed_reals]
    scales = {name: _scale(train[name]) for name in reals}
    left_out = sorted(name for name in reals if scales[name].spread == 0.0)
    categories = {name: sorted(train[name].dropna().unique()) for name in roles.static_categoricals}
    if params.model.server_embedding:
        categories = {SERVER: sorted(train[SERVER].unique()), **categories}
    return InputSpec(
        targets=list(roles.targets),
        known=[name for name in roles.known_reals if name not in left_out],
        observed=[name for name in roles.observed_reals if name not in left_out],
        categories={name: [str(value) for value in values] for name, values in categories.items()},
        scales={name: scale for name, scale in scales.items() if name not in left_out},
        fill={name: _median(train[name]) for name in [*roles.targets, *reals]},
        target_scales={name: _target_scale(train, name) for name in roles.targets},
        left_out=left_out,
        normalizer=params.model.normalizer,
        encoder_length=params.split.encoder_length,
        min_encoder_length=params.split.min_encoder_length,
        horizon=params.split.horizon,
        quantiles=list(params.evaluate.quantiles),
    )


def _training_rows(features: pd.DataFrame, split: Split) -> pd.DataFrame:
    end = features[SERVER].map({span.server: span.train_end for span in split.spans})
    position = features.groupby(SERVER, sort=False).cumcount()
    return features[(position < end).to_numpy()]


def _scale(values: pd.Series) -> Scale:
    known = values.to_numpy("float64")
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return Scale(0.0, 0.0)
    spread = float(known.std())
    center = float(known.mean())
    # rounding leaves a constant column with a spread of 1e-17 instead of none
    return Scale(center, spread if spread > 1e-9 * max(1.0, abs(center)) else 0.0)


def _median(values: pd.Series) -> float:
    known = values.to_numpy("float64")
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else 0.0


def _target_scale(train: pd.DataFrame, target: str) -> TargetScale:
    fleet = _positive(_scale(train[target]), Scale(0.0, 1.0))
    seen = train[train[target].notna()]
    servers = {
        str(server): _positive(_scale(values), fleet)
        for server, values in seen.groupby(SERVER, sort=True)[target]
    }
    size = float(seen[target].abs().astype("float64").mean()) if len(seen) else 0.0
    # a target that hovers around zero is measured by its spread instead
    return TargetScale(fleet, servers, size if size > 1e-6 * fleet.spread else fleet.spread)


def _positive(scale: Scale, fallback: Scale) -> Scale:
    return scale if scale.spread > 0 else Scale(scale.center, fallback.spread)

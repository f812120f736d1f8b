"""Fitting scales and vocabularies, on the training span and nothing after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.features import FeatureTable, Roles
from hostcast.params import Params
from hostcast.splitting import Split
from hostcast.windows.spec import SERVER, InputSpec, Scale, TargetScale

__all__ = ["fit_inputs"]


def fit_inputs(features: FeatureTable, roles: Roles, split: Split, params: Params) -> InputSpec:
    """Fit scales and vocabularies on the training span, column by column.

    Args:
        features: the features table (server, timestamp, columns of `roles`), sorted.
        roles: each column's role.
        split: where training ends on each server.
        params: sections base, split, model and evaluate are read.
    """
    train = _TrainingRows(features, split)
    reals = [*roles.known_reals, *roles.observed_reals]
    scales: dict[str, Scale] = {}
    fill: dict[str, float] = {}
    target_scales: dict[str, TargetScale] = {}
    for name in roles.targets:
        values = train.numbers(name)
        fill[name] = _median(values)
        target_scales[name] = _target_scale(values, train)
    for name in reals:
        values = train.numbers(name)
        fill[name] = _median(values)
        scales[name] = _scale(values)
    left_out = sorted(name for name in reals if scales[name].spread == 0.0)
    categories = {name: train.texts(name) for name in roles.static_categoricals}
    if params.model.server_embedding:
        categories = {SERVER: train.texts(SERVER), **categories}
    return InputSpec(
        targets=list(roles.targets),
        known=[name for name in roles.known_reals if name not in left_out],
        observed=[name for name in roles.observed_reals if name not in left_out],
        categories=categories,
        scales={name: scale for name, scale in scales.items() if name not in left_out},
        fill=fill,
        target_scales=target_scales,
        left_out=left_out,
        normalizer=params.model.normalizer,
        encoder_length=params.split.encoder_length,
        min_encoder_length=params.split.min_encoder_length,
        horizon=params.split.horizon,
        quantiles=list(params.evaluate.quantiles),
    )


class _TrainingRows:
    """The rows of each server's training span.

    Attributes:
        bounds: server i owns the values bounds[i] to bounds[i + 1] - 1 of `numbers`.
    """

    def __init__(self, features: FeatureTable, split: Split) -> None:
        ends = {span.server: span.train_end for span in split.spans}
        rows = np.diff(features.bounds)
        kept = np.minimum([ends.get(server, 0) for server in features.servers], rows)
        self.servers = [server for server, count in zip(features.servers, kept, strict=True) if count]
        self.bounds = np.concatenate([[0], np.cumsum(kept[kept > 0])])
        self._features = features
        self._rows = np.zeros(features.rows, dtype=bool)
        for first, count in zip(features.bounds[:-1], kept, strict=True):
            self._rows[first : first + count] = True

    def numbers(self, name: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = self._features.numbers(name)[self._rows]
        return values

    def texts(self, name: str) -> list[str]:
        by_server = dict(zip(self._features.servers, self._features.texts(name), strict=True))
        return sorted({text for server in self.servers if (text := by_server[server]) is not None})


def _scale(values: npt.NDArray[Any]) -> Scale:
    known = _known(values)
    if len(known) == 0:
        return Scale(0.0, 0.0)
    spread = float(known.std())
    center = float(known.mean())
    # rounding leaves a constant column with a spread of 1e-17 instead of none
    return Scale(center, spread if spread > 1e-9 * max(1.0, abs(center)) else 0.0)


def _median(values: npt.NDArray[Any]) -> float:
    known = _known(values)
    return float(np.median(known)) if len(known) else 0.0


def _known(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    known: npt.NDArray[np.float64] = values[np.isfinite(values)].astype("float64")
    return known


def _target_scale(values: npt.NDArray[Any], train: _TrainingRows) -> TargetScale:
    fleet = _positive(_scale(values), Scale(0.0, 1.0))
    servers: dict[str, Scale] = {}
    for place, server in sorted(enumerate(train.servers), key=lambda entry: entry[1]):
        own = _known(values[train.bounds[place] : train.bounds[place + 1]])
        if len(own):
            servers[server] = _positive(_scale(own), fleet)
    known = _known(values)
    size = float(np.abs(known).mean()) if len(known) else 0.0
    # a target that hovers around zero is measured by its spread instead
    return TargetScale(fleet, servers, size if size > 1e-6 * fleet.spread else fleet.spread)


def _positive(scale: Scale, fallback: Scale) -> Scale:
    return scale if scale.spread > 0 else Scale(scale.center, fallback.spread)

"""Fitting scales and vocabularies, on the training span and nothing after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.features import FeatureTable, Roles
from hostcast.params import Params
from hostcast.parts import each_in_order, workers
from hostcast.splitting import Split
from hostcast.windows.spec import SERVER, InputSpec, Scale, TargetScale

__all__ = ["fit_inputs"]

# fitted at once
MOST_COLUMNS = 2


def fit_inputs(features: FeatureTable, roles: Roles, split: Split, params: Params) -> InputSpec:
    """Fit scales and vocabularies on the training span, column by column.

    Args:
        features: the features table (server, timestamp, columns of `roles`), sorted.
        roles: each column's role.
        split: where training begins and ends on each server.
        params: sections base, split, model and evaluate are read.
    """
    train = _TrainingRows(features, split)
    reals = [*roles.known_reals, *roles.observed_reals]
    names = [*roles.targets, *reals]

    def fit(name: str) -> _Fit:
        return _fit(train, name, target=name in roles.targets)

    # a column of a hundred million rows takes two gigabytes on the way
    fits = dict(zip(names, each_in_order(fit, names, threads=min(MOST_COLUMNS, workers())), strict=True))
    fill = {name: fits[name].median for name in names}
    scales = {name: fits[name].scale for name in reals}
    target_scales = {name: scale for name in roles.targets if (scale := fits[name].target) is not None}
    left_out = sorted(name for name in reals if scales[name].spread == 0.0)
    scaled_as = {
        name: roles.columns[name].sources[0] for name in roles.made_by("lag") if name not in left_out
    }
    categories = {name: train.texts(name) for name in roles.static_categoricals}
    if params.model.server_embedding:
        categories = {SERVER: train.texts(SERVER), **categories}
    return InputSpec(
        targets=list(roles.targets),
        known=[name for name in roles.known_reals if name not in left_out],
        observed=[name for name in roles.observed_reals if name not in left_out],
        categories=categories,
        scales={
            name: scale for name, scale in scales.items() if name not in left_out and name not in scaled_as
        },
        scaled_as=scaled_as,
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
        spans = {span.server: span.range_of("train") for span in split.spans}
        ranges = np.array([spans.get(server, (0, 0)) for server in features.servers], np.int64)
        begin, end = np.minimum(ranges.reshape(-1, 2), np.diff(features.bounds)[:, None]).T
        kept = end - begin
        self.servers = [server for server, count in zip(features.servers, kept, strict=True) if count]
        self.bounds = np.concatenate([[0], np.cumsum(kept[kept > 0])])
        self._features = features
        self._rows = np.zeros(features.rows, dtype=bool)
        for first, count in zip(features.bounds[:-1] + begin, kept, strict=True):
            self._rows[first : first + count] = True

    def numbers(self, name: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = self._features.numbers(name)[self._rows]
        return values

    def texts(self, name: str) -> list[str]:
        by_server = dict(zip(self._features.servers, self._features.texts(name), strict=True))
        return sorted({text for server in self.servers if (text := by_server[server]) is not None})


@dataclass(frozen=True)
class _Fit:
    """Statistics of one column over the training span; `target` is there for targets."""

    median: float
    scale: Scale
    target: TargetScale | None


def _fit(train: _TrainingRows, name: str, *, target: bool) -> _Fit:
    values = train.numbers(name)
    known = _known(values)
    scale = _scale(known)
    return _Fit(_median(known), scale, _target_scale(values, known, scale, train) if target else None)


def _scale(known: npt.NDArray[Any]) -> Scale:
    if len(known) == 0:
        return Scale(0.0, 0.0)
    wide = known.astype("float64")
    center = float(wide.mean())
    # as `std` computes it, in place
    wide -= center
    wide *= wide
    spread = float(np.sqrt(wide.mean()))
    # rounding leaves a constant column with a spread of 1e-17 instead of none
    return Scale(center, spread if spread > 1e-9 * max(1.0, abs(center)) else 0.0)


def _median(known: npt.NDArray[Any]) -> float:
    if not len(known):
        return 0.0
    middle = [(len(known) - 1) // 2, len(known) // 2]
    # in the values' own precision, which takes half the time
    return float(np.partition(known, middle)[middle].astype("float64").mean())


def _known(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


def _target_scale(
    values: npt.NDArray[Any], known: npt.NDArray[Any], scale: Scale, train: _TrainingRows
) -> TargetScale:
    fleet = _positive(scale, Scale(0.0, 1.0))
    servers: dict[str, Scale] = {}
    for place, server in sorted(enumerate(train.servers), key=lambda entry: entry[1]):
        own = _known(values[train.bounds[place] : train.bounds[place + 1]])
        if len(own):
            servers[server] = _positive(_scale(own), fleet)
    wide = known.astype("float64")
    size = float(np.abs(wide, out=wide).mean()) if len(known) else 0.0
    # a target that hovers around zero is measured by its spread instead
    return TargetScale(fleet, servers, size if size > 1e-6 * fleet.spread else fleet.spread)


def _positive(scale: Scale, fallback: Scale) -> Scale:
    return scale if scale.spread > 0 else Scale(scale.center, fallback.spread)

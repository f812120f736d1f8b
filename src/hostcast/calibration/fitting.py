"""Corrections from scores: conformal quantiles by step ahead and by server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.calibration.calibration import COVERAGES, Calibration
from hostcast.calibration.pairs import pairs_of

__all__ = ["fit_calibration"]

Floats = npt.NDArray[np.float64]

# values that stand for the scores of a whole fleet when one server's are mixed with them
FLEET_POINTS = 400


def fit_calibration(
    scores: Floats,
    servers: Sequence[str],
    positions: npt.NDArray[np.int64],
    *,
    levels: Sequence[float],
    targets: Sequence[str],
    until: Mapping[str, pd.Timestamp],
    least_scores: int,
    shrinkage: float,
) -> Calibration:
    """Learn the corrections of a model from scores on windows that it was not trained on.

    Step ahead: the conformal quantile of the scores of all servers, those of neighbouring steps included as
    far as it takes to have `least_scores`. Server: the quantiles of what then remains of its scores, mixed
    with the fleet's; the fewer a server has, the more the fleet's weigh.

    Args:
        scores: (windows, horizon, targets, pairs), from `scores_of`; NaN = not observed.
        servers: (windows,), each window's.
        positions: (windows,), row of each window's cutoff on its server's grid.
        levels: of the model's quantiles.
        targets: of the model.
        until: server -> the last instant that anything here was observed at.
        least_scores: scores that a step's correction is made from, if there are so many at all.
        shrinkage: weight of the fleet beside a server's own scores, in horizons' lengths of observations.
    """
    _, horizon, count, _ = scores.shape
    nominal = [pair.nominal for pair in pairs_of(levels)]
    steps = np.zeros(scores.shape[1:])
    known = np.isfinite(scores[..., 0]).sum(axis=0) if nominal else np.zeros((horizon, count), int)
    for target in range(count):
        reach = _reach(known[:, target], least_scores)
        for step in range(horizon):
            first, last = max(0, step - reach[step]), step + reach[step] + 1
            near = scores[:, first:last, target].reshape(-1, len(nominal))
            near = near[np.isfinite(near).all(axis=1)]
            for pair, share in enumerate(nominal):
                steps[step, target, pair] = _conformal_quantile(near[:, pair], share)
    remaining = scores - steps[None]
    names = np.asarray(servers, dtype=object)
    kept = sorted(set(names))
    fleet = np.zeros((count, len(nominal), len(COVERAGES)))
    by_server = np.zeros((len(kept), *fleet.shape))
    groups = [names == name for name in kept]
    observations = [_horizons_observed(positions[own], horizon) for own in groups]
    for target in range(count):
        for pair in range(len(nominal)):
            whole = _finite(remaining[..., target, pair])
            if not len(whole):
                continue
            grid = np.quantile(whole, (np.arange(FLEET_POINTS) + 0.5) / FLEET_POINTS)
            fleet[target, pair] = np.quantile(whole, COVERAGES)
            for place, (own, weight) in enumerate(zip(groups, observations, strict=True)):
                mine = _finite(remaining[own][..., target, pair])
                by_server[place, target, pair] = _mixed_quantiles(mine, weight, grid, shrinkage)
    return Calibration(
        levels=list(levels),
        targets=list(targets),
        steps=steps,
        fleet=fleet,
        servers=[str(name) for name in kept],
        by_server=by_server,
        until=dict(until),
        scores=known.sum(axis=0).astype(np.int64),
    )


def _reach(known: npt.NDArray[np.int64], least: int) -> npt.NDArray[np.int64]:
    """How many steps on either side each step needs, to have `least` scores."""
    behind = np.concatenate([[0], np.cumsum(known)])
    steps = np.arange(len(known))
    reach = np.zeros(len(known), dtype=np.int64)
    for _ in steps:
        last = np.minimum(steps + reach + 1, len(known))
        few = behind[last] - behind[np.maximum(steps - reach, 0)] < least
        reach[few] += 1
    return reach


def _conformal_quantile(scores: Floats, share: float) -> float:
    """The score that a new one stays below with probability `share`, if all are exchangeable.

    Where there are too few scores for such a promise, the largest is the best that is known.
    """
    if not len(scores):
        return 0.0
    rank = min(int(np.ceil((len(scores) + 1) * share)), len(scores))
    return float(np.partition(scores, rank - 1)[rank - 1])


def _mixed_quantiles(own: Floats, weight: float, fleet: Floats, shrinkage: float) -> Floats:
    """Quantiles at `COVERAGES` of a server's scores and the fleet's, each with its weight in all."""
    values = np.concatenate([own, fleet])
    each = np.full(len(values), shrinkage / len(fleet))
    each[: len(own)] = weight / max(len(own), 1)
    order = np.argsort(values, kind="stable")
    behind = np.cumsum(each[order])
    places = np.searchsorted(behind, np.array(COVERAGES) * behind[-1])
    return np.asarray(values[order][np.minimum(places, len(values) - 1)])


def _horizons_observed(positions: npt.NDArray[np.int64], horizon: int) -> float:
    """How many horizons' lengths the windows at these positions cover together: overlaps count once."""
    ahead = np.minimum(np.diff(np.sort(positions)), horizon)
    return float(ahead.sum() + horizon) / horizon


def _finite(values: Floats) -> Floats:
    flat = values.ravel()
    return flat[np.isfinite(flat)]

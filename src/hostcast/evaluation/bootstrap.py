"""How far an error might be off by chance: a block bootstrap over servers and time.

Errors of one server, and errors of one day, come together: a forecast made an hour later is nearly the
same one. So whole servers and whole blocks of time are drawn with replacement, both at once; a server's block
counts as often as its server was drawn times as often as its block was. Owen, "The pigeonhole bootstrap",
Annals of Applied Statistics 1 (2007), shows that this errs on the wide side. All models are drawn alike, so
that their differences are judged by the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hostcast.evaluation.metrics import TINY
from hostcast.evaluation.scoring import Score

__all__ = ["CONFIDENCE", "Bounds", "Resampled", "resample"]

Floats = NDArray[np.float64]
Bounds = tuple[float, float]

CONFIDENCE = 0.95
_UNKNOWN = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Resampled:
    """wQL of each model in each sample: name -> (samples,); empty if nothing can be drawn."""

    errors: Mapping[str, Floats]

    def bounds(self, name: str) -> Bounds:
        """The interval of a model's wQL; NaN if unknown."""
        return _interval(self.errors[name]) if name in self.errors else _UNKNOWN

    def skill_bounds(self, name: str, rival: str) -> Bounds:
        """The interval of 1 - wQL / wQL of a rival; NaN if unknown."""
        if name not in self.errors:
            return _UNKNOWN
        other = self.errors[rival]
        with np.errstate(divide="ignore", invalid="ignore"):
            skill = np.where(other > 0, 1.0 - self.errors[name] / other, np.nan)
        return _interval(skill)


def resample(scores: Mapping[str, Score], *, block: pd.Timedelta, samples: int, seed: int) -> Resampled:
    """Score samples of the servers and blocks of time.

    Args:
        scores: of models that forecast the same rows.
        block: length of a block; blocks follow each other from the first cutoff on.
        samples: how many; 0 = none.
        seed: what they are drawn by.

    Returns:
        Nothing is drawn where there is only one server and one block.
    """
    rows = next(iter(scores.values())).rows
    since = (rows["cutoff"] - rows["cutoff"].min()) // block
    keys = [pd.factorize(column, sort=True) for column in (rows["target"], rows["server"], since)]
    shape = tuple(len(names) for _, names in keys)
    if not samples or not len(rows) or shape[1:] == (1, 1):
        return Resampled({})
    cell = np.ravel_multi_index([codes for codes, _ in keys], shape)

    def sums(values: pd.Series) -> Floats:
        total = np.bincount(cell, values.to_numpy("float64"), minlength=int(np.prod(shape)))
        return np.asarray(total, dtype="float64").reshape(shape)

    generator = np.random.default_rng(seed)
    servers, blocks = (_drawn(generator, samples, count) for count in shape[1:])
    size = _weighed(sums(rows["actual"].abs()), servers, blocks)
    # a target that a sample holds no forecast of is in no mean
    present = _weighed(sums(pd.Series(np.ones(len(rows)))), servers, blocks) > 0
    return Resampled(
        {
            name: _mean(_weighed(sums(result.rows["loss"]), servers, blocks), size, present)
            for name, result in scores.items()
        }
    )


def _drawn(generator: np.random.Generator, samples: int, count: int) -> Floats:
    """How often each of so many is drawn: (samples, count)."""
    return generator.multinomial(count, np.full(count, 1 / count), size=samples).astype("float64")


def _weighed(sums: Floats, servers: Floats, blocks: Floats) -> Floats:
    """Sums of each sample, (samples, targets), from those of (targets, servers, blocks)."""
    return np.stack([((servers @ of_target) * blocks).sum(axis=1) for of_target in sums], axis=1)


def _mean(loss: Floats, size: Floats, present: NDArray[np.bool_]) -> Floats:
    ratio = np.where(present, loss / np.maximum(size, TINY), 0.0)
    count = present.sum(axis=1)
    mean: Floats = np.where(count > 0, ratio.sum(axis=1) / np.maximum(count, 1), np.nan)
    return mean


def _interval(values: Floats) -> Bounds:
    known = values[np.isfinite(values)]
    if not len(known):
        return _UNKNOWN
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)

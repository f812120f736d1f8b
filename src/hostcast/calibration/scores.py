"""By how much an interval missed, and intervals made wider or narrower.

An interval is widened about its median, by a factor. A score is the logarithm of the factor that would just
have reached the observed value, so a correction means the same on servers of any level and spread, the
median stays where it is, and no factor lets an end cross it. The factor is a conformity score as in Romano,
Patterson and Candès, "Conformalized quantile regression" (NeurIPS 2019), in the multiplicative form of
Kivaranovic, Johnson and Leeb (AISTATS 2020), about the median in place of the middle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hostcast.calibration.pairs import MEDIAN, pairs_of

__all__ = ["LEAST_SHARE", "SMALLEST_SCORE", "scores_of", "widen"]

Floats = npt.NDArray[np.float64]

# no half of an interval counts as narrower than this share of its window's spread: one without any width
# could not be widened by a factor
LEAST_SHARE = 1e-3
# medians that are right to the last bit would narrow intervals to nothing, and any change would be a shock
SMALLEST_SCORE = float(np.log(1e-3))


def scores_of(values: Floats, actual: Floats, spread: Floats, levels: Sequence[float]) -> Floats:
    """Scores of all pairs of levels, (windows, horizon, targets, pairs); NaN where nothing was observed.

    Args:
        values: (windows, horizon, targets, levels), quantiles in order, in the targets' units.
        actual: (windows, horizon, targets), what was observed, NaN = nothing.
        spread: (windows, targets), the unit of each window's scale.
        levels: rising, 0.5 among them.
    """
    median = values[..., _median(levels)]
    least = LEAST_SHARE * spread[:, None, :]
    pairs = pairs_of(levels)
    scores = np.empty((*actual.shape, len(pairs)))
    for place, pair in enumerate(pairs):
        below = (median - actual) / np.maximum(median - values[..., pair.low], least)
        above = (actual - median) / np.maximum(values[..., pair.high] - median, least)
        factor = np.maximum(below, above)
        scores[..., place] = np.log(np.maximum(factor, np.exp(SMALLEST_SCORE)))
    return scores


def widen(values: Floats, corrections: Floats, spread: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles whose intervals are widened about the median, in order.

    Args:
        values, spread, levels: as `scores_of` takes them.
        corrections: (windows, horizon, targets, pairs), logarithms of factors.
    """
    place_of_median = _median(levels)
    median = values[..., place_of_median]
    least = LEAST_SHARE * spread[:, None, :]
    out = values.copy()
    for place, pair in enumerate(pairs_of(levels)):
        factor = np.exp(corrections[..., place])
        out[..., pair.low] = median - factor * np.maximum(median - values[..., pair.low], least)
        out[..., pair.high] = median + factor * np.maximum(values[..., pair.high] - median, least)
    # pairs are corrected apart: an inner one may have become the wider
    out[..., place_of_median:] = np.maximum.accumulate(out[..., place_of_median:], axis=-1)
    falling = out[..., place_of_median::-1]
    out[..., place_of_median::-1] = np.minimum.accumulate(falling, axis=-1)
    return out


def _median(levels: Sequence[float]) -> int:
    return list(levels).index(MEDIAN)

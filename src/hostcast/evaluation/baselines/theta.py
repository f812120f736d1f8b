"""The Theta method: a level that follows the values, half of the trend, and a seasonal pattern.

Assimakopoulos and Nikolopoulos, "The theta model", Int. J. Forecasting 16 (2000), in the form of Hyndman and
Billah, Int. J. Forecasting 19 (2003). statsmodels fits it; statsforecast can't be installed beside pandas 3.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hostcast.evaluation.baselines.points import Points, Rule, carry
from hostcast.evaluation.baselines.task import Floats, last_observed

__all__ = ["theta_rule"]

# statsmodels' test of seasonality wants some values, and a trend of fewer means nothing
_FEWEST = 24
# a pattern and a smoothing change little with more, and years would take long
_SEASONS = 14


@dataclass(frozen=True)
class _Fitted:
    """What is fitted: smoothing, slope per step, and the pattern from the first fitted row on."""

    alpha: float
    slope: float
    pattern: Floats


def theta_rule(season: int) -> Rule:
    """Fitted on each series' training span, then brought up to each cutoff with what was seen by then."""

    def rule(values: Floats, carried: Floats, training: range) -> Points:
        if season > 1:
            training = training[-_SEASONS * season :]
        known = values[training.start : training.stop]
        observed = known[np.isfinite(known)]
        if len(observed) < _FEWEST or np.ptp(observed) == 0:
            return carry(values, carried, training)
        fitted = _fit(known, season)
        pattern = np.roll(fitted.pattern, training.start % season)
        rows = np.arange(len(values))
        plain = values - pattern[rows % season]
        level = _smoothed(plain, fitted.alpha)
        behind = (1 - (1 - fitted.alpha) ** (rows + 1)) / fitted.alpha if fitted.alpha else 0.0

        def points(ahead: int) -> Floats:
            drift = fitted.slope / 2 * (ahead - 1 + behind)
            forecast: Floats = level + drift + pattern[(rows + ahead) % season]
            return forecast

        return points

    return rule


def _smoothed(values: Floats, alpha: float) -> Floats:
    """The level after each row; it rests where nothing is observed."""
    if not alpha:
        first = values[np.isfinite(values)][0]
        return np.where(np.isfinite(last_observed(values)), first, np.nan)
    level = pd.Series(values).ewm(alpha=alpha, adjust=False, ignore_na=True).mean()
    return last_observed(level.to_numpy("float64"))


def _fit(known: Floats, season: int) -> _Fitted:
    # it takes a second to import, and not everyone asks for it
    from statsmodels.tsa.forecasting.theta import ThetaModel

    filled = pd.Series(known).interpolate(limit_direction="both").to_numpy("float64")
    seasonal = season > 1 and len(filled) >= 2 * season
    with warnings.catch_warnings():
        # of optimisers that end at a bound
        warnings.simplefilter("ignore")
        # an additive pattern stays in size where the level shifts after training
        model = ThetaModel(filled, period=season, deseasonalize=seasonal, method="additive")
        result = model.fit()
    ahead = result.forecast_components(season)["seasonal"].to_numpy("float64")
    return _Fitted(
        float(result.params["alpha"]),
        float(result.params["b0"]),
        np.roll(ahead, len(known) % season),
    )

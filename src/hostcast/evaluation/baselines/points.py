"""Rules that forecast one value: the last one, the one a season ago."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hostcast.evaluation.baselines.task import Floats, Series, last_observed

__all__ = ["Points", "Rule", "carry", "points_of", "season_ago"]

# steps ahead -> the forecast made at every row: (rows,)
Points = Callable[[int], Floats]
# (values, the last observed ones, rows of the training span) -> the forecasts of that series
Rule = Callable[[Floats, Floats, range], Points]


def carry(values: Floats, carried: Floats, training: range) -> Points:
    """The last observed value."""
    return lambda ahead: carried


def season_ago(season: int) -> Rule:
    """The value of the same time one season ago, else the last observed one.

    Where the horizon is longer than a season, the latest season that was over at the cutoff is repeated.
    """

    def rule(values: Floats, carried: Floats, training: range) -> Points:
        def points(ahead: int) -> Floats:
            back = -(-ahead // season) * season - ahead
            seasons_ago = np.full(len(values), np.nan)
            seasons_ago[back:] = values[: len(values) - back]
            return np.where(np.isfinite(seasons_ago), seasons_ago, carried)

        return points

    return rule


def points_of(fleet: Sequence[Series], rule: Rule, position: int) -> list[Points]:
    """The rule's forecasts of one target on every server."""
    columns = [np.ascontiguousarray(series.values[:, position]) for series in fleet]
    return [
        rule(column, last_observed(column), series.training)
        for column, series in zip(columns, fleet, strict=True)
    ]

"""What gradient boosting sees of a server at a cutoff: relative to the last value, in the window's scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hostcast.evaluation.baselines.task import Floats, Ints, Series, last_observed

__all__ = ["History", "Seen", "floors_of", "history_of"]

# parts of a season over which means are taken
_PARTS = (96, 24, 8, 3, 1)
_SEASONS_A_WEEK = 7
# a spread below this share of the fleet's mean |value| is taken for standing still
_LEAST_SPREAD = 1e-2
_TINY = 1e-6
_MINUTE = pd.Timedelta(1, unit="min")


@dataclass(frozen=True)
class Seen:
    """Inputs of some forecasts, and what turns relative forecasts into values.

    Attributes:
        inputs: (forecasts, inputs), NaN = unknown.
        last: the last observed value, (forecasts,).
        scale: the spread of the season before the cutoff, (forecasts,).
    """

    inputs: NDArray[np.float32]
    last: Floats
    scale: Floats

    def relative(self, values: Floats) -> Floats:
        """Values relative to the last one, in the window's scale."""
        relative: Floats = (values - self.last) / self.scale
        return relative

    def absolute(self, relative: Floats) -> Floats:
        """The inverse, of (forecasts, levels)."""
        absolute: Floats = self.last[:, None] + relative * self.scale[:, None]
        return absolute


def floors_of(fleet: Sequence[Series]) -> Floats:
    """The least scale of each target, from the training spans."""
    trained = np.concatenate(
        [series.values[series.training.start : series.training.stop] for series in fleet]
    )
    observed = np.isfinite(trained)
    size = np.where(observed, np.abs(trained), 0.0).sum(axis=0) / np.maximum(observed.sum(axis=0), 1)
    floors: Floats = np.maximum(_LEAST_SPREAD * size, _TINY)
    return floors


@dataclass(frozen=True)
class History:
    """A server's values and statistics of what came before: at a row, nothing after that row has a part.

    Attributes:
        values: (rows, targets).
        last: the last observed values, likewise.
        means: steps -> trailing means, likewise.
        low, high: trailing extremes over a season.
        spread, burst: trailing standard deviation over a season and an eighth of it.
        minutes: minutes since midnight UTC of the first row.
        weekday: of the first row.
        step_minutes: length of one step.
        season: steps in one season.
    """

    values: Floats
    last: Floats
    means: dict[int, Floats]
    low: Floats
    high: Floats
    spread: Floats
    burst: Floats
    minutes: float
    weekday: int
    step_minutes: float
    season: int

    def seen(self, target: int, rows: Ints, ahead: Ints, floors: Floats) -> Seen:
        """The inputs of forecasts of one target.

        Args:
            target: its position.
            rows: the cutoff of each forecast.
            ahead: steps ahead of each.
            floors: see `floors_of`.
        """
        last = self.last[rows, target]
        scale = np.maximum(np.nan_to_num(self.spread[rows, target]), floors[target])
        season, hourly = self.season, self.means[max(1, self.season // 24)]
        half = max(1, season // 24) // 2
        yesterday = rows + ahead - -(-ahead // season) * season
        week = season * _SEASONS_A_WEEK
        last_week = rows + ahead - -(-ahead // week) * week
        daily = self.means[season]
        levels = [
            *(mean[rows, target] for mean in self.means.values()),
            self.low[rows, target],
            self.high[rows, target],
            _at(self.last, rows - 1, target),
            _at(self.last, rows - season, target),
            _at(self.values, yesterday, target),
            _at(self.values, yesterday - season, target),
            _at(hourly, np.minimum(yesterday + half, rows), target),
            _at(hourly, np.where(last_week < 0, -1, np.minimum(last_week + half, rows)), target),
            _at(daily, rows - season, target),
            _at(daily, rows - week + season, target),
        ]
        columns = [
            ahead.astype("float64"),
            *((level - last) / scale for level in levels),
            self.burst[rows, target] / scale,
            np.log(scale),
            np.log(np.abs(last) + floors[target]),
            *self._others(target, rows, yesterday, floors),
            *self._calendar(rows + ahead),
        ]
        return Seen(np.column_stack(columns).astype("float32"), last, scale)

    def _others(self, target: int, rows: Ints, yesterday: Ints, floors: Floats) -> list[Floats]:
        """Where the other targets stand, each in its own scale."""
        columns = []
        for other in range(self.values.shape[1]):
            if other == target:
                continue
            last = self.last[rows, other]
            scale = np.maximum(np.nan_to_num(self.spread[rows, other]), floors[other])
            levels = [
                self.means[self.season][rows, other],
                self.means[max(1, self.season // 24)][rows, other],
                _at(self.values, yesterday, other),
            ]
            columns += [(level - last) / scale for level in levels]
        return columns

    def _calendar(self, rows: Ints) -> list[Floats]:
        minutes = np.asarray(self.minutes + rows * self.step_minutes, dtype="float64")
        return [minutes % 1440.0, (self.weekday + minutes // 1440.0) % 7.0]


def history_of(series: Series, season: int, step: pd.Timedelta) -> History:
    """The statistics of one server."""
    frame = pd.DataFrame(series.values)

    def trailing(rows: int, statistic: str, **options: int) -> Floats:
        values: Floats = getattr(frame.rolling(rows, min_periods=1), statistic)(**options).to_numpy("float64")
        return values

    first = series.times[0].tz_convert("UTC")
    lengths = sorted({max(1, season // part) for part in _PARTS})
    return History(
        values=series.values,
        last=np.column_stack([last_observed(column) for column in series.values.T]),
        means={rows: trailing(rows, "mean") for rows in lengths},
        low=trailing(season, "min"),
        high=trailing(season, "max"),
        spread=trailing(season, "std", ddof=0),
        burst=trailing(max(2, season // 8), "std", ddof=0),
        minutes=(first - first.normalize()) / _MINUTE,
        weekday=first.dayofweek,
        step_minutes=step / _MINUTE,
        season=season,
    )


def _at(values: Floats, rows: Ints, target: int) -> Floats:
    """Values at rows, NaN before the first."""
    return np.where(rows >= 0, values[np.maximum(rows, 0), target], np.nan)

"""Whether intervals hold what they promise, and how wide they are, before and after calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hostcast.evaluation.alignment import level_columns
from hostcast.evaluation.metrics import TINY, central_intervals
from hostcast.evaluation.scoring import Score

__all__ = ["AFTER", "ALL", "BEFORE", "calibration_tables"]

BEFORE = "network"
AFTER = "calibrated"
ALL = "all"


def calibration_tables(after: Score, before: Score | None) -> dict[str, pd.DataFrame]:
    """Name -> table of central intervals: forecast, what it is broken down by, nominal, observed, width.

    `forecast` is `network` (quantiles as the network made them) or `calibrated`; without a calibration
    there is only the former. `observed` is the share of actuals within the interval, ends included, `width`
    its mean width relative to the target's mean |actual| over the whole test span.

    calibration: by target; `all` is the mean of the targets.
    calibration_by_horizon: by target and horizon_hours.
    calibration_by_server: by target and server.

    Args:
        after: the forecasts that were scored.
        before: the same without calibration, if there was one.
    """
    made = {BEFORE: after} if before is None else {BEFORE: before, AFTER: after}
    measured = {name: _measured(result.rows) for name, result in made.items()}
    by_target = _mean(measured, ["target"])
    whole = by_target.groupby(["forecast", "nominal"], sort=False)[["observed", "width"]].mean()
    whole = whole.reset_index().assign(target=ALL)[list(by_target.columns)]
    return {
        "calibration": pd.concat([by_target, whole], ignore_index=True),
        "calibration_by_horizon": _mean(measured, ["target", "horizon_hours"]),
        "calibration_by_server": _mean(measured, ["target", "server"]),
    }


def _measured(rows: pd.DataFrame) -> dict[float, pd.DataFrame]:
    """Nominal coverage -> keys, observed and width of each row."""
    columns = level_columns(rows)
    actual = rows["actual"].to_numpy("float64")
    size = pd.Series(np.abs(actual)).groupby(rows["target"].to_numpy()).transform("mean").to_numpy()
    keys = rows[["target", "horizon_hours", "server"]]
    measured = {}
    for low_level, high_level, nominal in central_intervals(list(columns)):
        low, high = (rows[columns[level]].to_numpy("float64") for level in (low_level, high_level))
        inside = ((actual >= low) & (actual <= high)).astype("float64")
        measured[nominal] = keys.assign(observed=inside, width=(high - low) / np.maximum(size, TINY))
    return measured


def _mean(measured: Mapping[str, Mapping[float, pd.DataFrame]], keys: list[str]) -> pd.DataFrame:
    parts = [
        rows.groupby(keys, sort=True)[["observed", "width"]]
        .mean()
        .reset_index()
        .assign(forecast=name, nominal=nominal)
        for name, each in measured.items()
        for nominal, rows in each.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[["forecast", *keys, "nominal", "observed", "width"]]

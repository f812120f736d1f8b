"""Forecast tables: what they must hold, and what was observed at each of their rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.evaluation.metrics import SCORED_LEVELS

__all__ = ["KEYS", "align", "in_order", "level_columns", "same_rows"]

KEYS = ["server", "cutoff", "timestamp", "target"]


def level_columns(frame: pd.DataFrame) -> dict[float, str]:
    """Quantile level -> its column (`q0.1`), by rising level.

    Raises:
        HostcastError: a level that the score is made of is absent.
    """
    found = {float(name[1:]): name for name in frame.columns if name.startswith("q0.")}
    absent = [level for level in SCORED_LEVELS if level not in found]
    if absent:
        raise HostcastError(
            f"the forecasts lack the quantile levels {absent}",
            remedy="forecast the levels 0.1, 0.5 and 0.9 at least (evaluate.quantiles)",
        )
    return dict(sorted(found.items()))


def in_order(forecasts: pd.DataFrame) -> pd.DataFrame:
    """The table with UTC timestamps of one resolution, sorted by its keys, after checking it.

    Raises:
        HostcastError: the table is empty or lacks a column, a row is there twice, a forecast does not lie
            after its cutoff, or a quantile is not finite.
    """
    absent = [name for name in KEYS if name not in forecasts.columns]
    if absent:
        raise HostcastError(
            f"the forecasts lack the columns {absent}",
            remedy="write a table with the columns " + ", ".join(KEYS),
        )
    if forecasts.empty:
        raise HostcastError(
            "there are no forecasts to score",
            remedy="make the test span longer than split.horizon (split.test_split)",
        )
    columns = list(level_columns(forecasts).values())
    table = forecasts[[*KEYS, *columns]].copy()
    for name in ("cutoff", "timestamp"):
        table[name] = _utc(table[name])
    remedy = "correct what made the table; scores of it would mean nothing"
    if table.duplicated(KEYS).any():
        raise HostcastError("a (server, cutoff, timestamp, target) is forecast twice", remedy=remedy)
    if not (table["timestamp"] > table["cutoff"]).all():
        raise HostcastError("a forecast does not lie after its cutoff", remedy=remedy)
    table = table.sort_values(KEYS, kind="stable", ignore_index=True)
    _refuse_infinite(table, columns)
    return table


def _refuse_infinite(table: pd.DataFrame, columns: list[str]) -> None:
    bad = ~np.isfinite(table[columns].to_numpy("float64")).all(axis=1)
    if not bad.any():
        return
    first = table[bad].iloc[0]
    count = int(bad.sum())
    raise HostcastError(
        f"a forecast is not a finite number: of {str(first['target'])!r} on server {str(first['server'])!r}, "
        f"made at {first['cutoff']:%Y-%m-%d %H:%M} UTC"
        + (f" (the first of {count:,} such rows of {len(table):,})" if count > 1 else ""),
        remedy="train again with a lower train.learning_rate (`dvc repro -f train`), "
        "or check the values of that target in reports/prepare/quality.json",
    )


def same_rows(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two tables made by `in_order` forecast the same rows."""
    return len(one) == len(other) and bool((one[KEYS] == other[KEYS]).all(axis=None))


def align(forecasts: pd.DataFrame, telemetry: pd.DataFrame) -> pd.DataFrame:
    """Put what was observed beside each forecast.

    Args:
        forecasts: as `in_order` takes it.
        telemetry: server, timestamp and one column per target; at most one row per server and timestamp.

    Returns:
        The ordered table with the further columns
        `actual`: the observed value, NaN where none was;
        `last`: the last observed value at or before the cutoff, NaN where there is none;
        `horizon_hours`: hours from the cutoff to the forecast time.

    Raises:
        HostcastError: see `in_order`; or a target is no column of the telemetry.
    """
    table = in_order(forecasts)
    codes, targets = pd.factorize(table["target"], sort=True)
    strangers = [str(name) for name in targets if name not in telemetry.columns]
    if strangers:
        raise HostcastError(
            f"the forecasts name the targets {strangers}, which the telemetry lacks",
            remedy="evaluate forecasts against the telemetry they were made from",
        )
    names = [str(name) for name in targets]
    observed = telemetry[["server", "timestamp", *names]].copy()
    observed["timestamp"] = _utc(observed["timestamp"])
    observed = observed.sort_values(["server", "timestamp"], kind="stable", ignore_index=True)
    index = pd.MultiIndex.from_frame(observed[["server", "timestamp"]])
    carried = observed.groupby("server", sort=False)[names].ffill()
    table["actual"] = _look_up(index, observed[names], table[["server", "timestamp"]], codes)
    table["last"] = _look_up(index, carried, table[["server", "cutoff"]], codes)
    table["horizon_hours"] = (table["timestamp"] - table["cutoff"]).dt.total_seconds() / 3600.0
    return table


def _look_up(
    index: pd.MultiIndex, values: pd.DataFrame, keys: pd.DataFrame, columns: Sequence[int] | np.ndarray
) -> np.ndarray:
    rows = index.get_indexer(pd.MultiIndex.from_frame(keys))
    found: np.ndarray = values.to_numpy("float64")[rows, columns]
    return np.where(rows >= 0, found, np.nan)


def _utc(times: pd.Series) -> pd.Series:
    return pd.to_datetime(times, utc=True).dt.as_unit("us")

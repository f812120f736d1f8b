"""Scores of one forecast table, overall and broken down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hostcast.evaluation.alignment import align, level_columns
from hostcast.evaluation.metrics import SCORED_LEVELS, TINY, central_intervals, crossed, quantile_loss

__all__ = ["Score", "score", "season_scale"]

MEASURES = ["wQL", "sQL", "MAE", "MAE_skill", "MASE", "cover80", "width80", "crossed"]


@dataclass(frozen=True)
class Score:
    """How well one model forecast.

    Attributes:
        overall: each measure averaged over the targets, every target counting the same.
        by_target: target, the measures, rows (scored), dropped (actual missing).
        by_horizon: target, horizon_hours, wQL, MAE, cover80, width80, rows; wQL and width80 relative to
            the mean |actual| of the whole test span.
        by_server: target, server, wQL, sQL, MAE, MASE, cover80, width80, rows, dropped.
        coverage: target, nominal, observed: share of actuals below the quantile of that level. An actual
            that equals the quantile counts as `nominal` of one, so that a constant neither helps nor harms.
        intervals: target, nominal, observed, width: central intervals; width relative to mean |actual|.
        rows: one row per scored forecast, with `actual`, `last`, `horizon_hours` and `loss`.

    The measures:
        wQL: 2 * sum of pinball losses, averaged over the levels 0.1, 0.5, 0.9, / sum |actual|.
        sQL: that loss per server / mean |one-season difference| of the server up to the first cutoff,
            averaged over servers; servers whose difference is zero or unknown are left out.
        MAE: mean |actual - median|, in the target's unit.
        MAE_skill: 1 - MAE / MAE of the last observed value carried forward.
        MASE: MAE in place of the loss in sQL (Hyndman and Koehler, Int. J. Forecasting 22, 2006).
        cover80, width80: share of actuals within [q0.1, q0.9], and its mean width / mean |actual|.
        crossed: share of forecasts whose quantiles are not in order.
    """

    overall: dict[str, float]
    by_target: pd.DataFrame
    by_horizon: pd.DataFrame
    by_server: pd.DataFrame
    coverage: pd.DataFrame
    intervals: pd.DataFrame
    rows: pd.DataFrame


def score(forecasts: pd.DataFrame, telemetry: pd.DataFrame, season: int) -> Score:
    """Score a forecast table against what was observed.

    Forecasts whose actual is missing are dropped and counted. A target without any actual scores NaN and is
    left out of the overall mean.

    Args:
        forecasts: server, cutoff, timestamp, target and quantile columns q0.1, q0.5, q0.9 at least.
        telemetry: server, timestamp and one column per target, on a regular grid per server; NaN = missing.
        season: steps in one season.

    Raises:
        HostcastError: the table can't be scored; see `hostcast.evaluation.alignment`.
    """
    columns = level_columns(forecasts)
    aligned = align(forecasts, telemetry)
    rows = aligned[aligned["actual"].notna()].reset_index(drop=True)
    actual = rows["actual"].to_numpy("float64")
    low, median, high = (rows[columns[level]].to_numpy("float64") for level in SCORED_LEVELS)
    rows["loss"] = quantile_loss(actual, np.column_stack([low, median, high]), SCORED_LEVELS)
    rows["size"] = np.abs(actual)
    rows["MAE"] = np.abs(actual - median)
    rows["last_error"] = np.abs(actual - rows["last"].to_numpy("float64"))
    rows["cover80"] = ((actual >= low) & (actual <= high)).astype("float64")
    rows["width"] = high - low
    rows["crossed"] = crossed(rows[list(columns.values())].to_numpy("float64")).astype("float64")

    targets = sorted(aligned["target"].unique())
    scale = season_scale(telemetry, targets, aligned["cutoff"].min(), season)
    by_server = _by_server(aligned, rows, scale)
    by_target = _by_target(aligned, rows, by_server)
    means = by_target.loc[by_target["rows"] > 0, MEASURES].mean()
    coverage, intervals = _calibration(rows, columns)
    return Score(
        overall={name: float(means[name]) for name in MEASURES},
        by_target=by_target,
        by_horizon=_by_horizon(rows),
        by_server=by_server,
        coverage=coverage,
        intervals=intervals,
        rows=rows.drop(columns=["size", "MAE", "last_error", "cover80", "width", "crossed"]),
    )


def season_scale(
    telemetry: pd.DataFrame, targets: list[str], until: pd.Timestamp, season: int
) -> pd.DataFrame:
    """Mean |one-season difference| up to and including `until`, in the target's unit.

    Returns:
        index: server; one column per target; NaN where no such pair was observed.
    """
    known = telemetry.loc[telemetry["timestamp"] <= until, ["server", "timestamp", *targets]]
    known = known.sort_values(["server", "timestamp"], kind="stable")
    differences = known.groupby("server", sort=True)[targets].diff(season).abs().astype("float64")
    return differences.groupby(known["server"], sort=True).mean()


def _summary(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    means = rows.groupby(keys, sort=True)[["loss", "size", "MAE", "cover80", "width"]].mean()
    size = means["size"].clip(lower=TINY)
    return pd.DataFrame(
        {
            "wQL": means["loss"] / size,
            "MAE": means["MAE"],
            "cover80": means["cover80"],
            "width80": means["width"] / size,
            "rows": rows.groupby(keys, sort=True).size(),
        }
    ).reset_index()


def _by_horizon(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors by step, relative to the target's level over the whole test span.

    Relative to the level at that step alone, one hour in which a metric rests at zero would be all there is
    to see. Where the metric rests all along, there is no level to measure by: NaN.
    """
    keys = ["target", "horizon_hours"]
    means = rows.groupby(keys, sort=True)[["loss", "MAE", "cover80", "width"]].mean()
    level = rows.groupby("target", sort=True)["size"].mean()
    size = level.where(level > 0).reindex(means.index, level="target")
    return pd.DataFrame(
        {
            "wQL": means["loss"] / size,
            "MAE": means["MAE"],
            "cover80": means["cover80"],
            "width80": means["width"] / size,
            "rows": rows.groupby(keys, sort=True).size(),
        }
    ).reset_index()


def _by_server(aligned: pd.DataFrame, rows: pd.DataFrame, scale: pd.DataFrame) -> pd.DataFrame:
    keys = ["target", "server"]
    every = aligned.groupby(keys, sort=True).size()
    loss = rows.groupby(keys, sort=True)["loss"].mean()
    table = _summary(rows, keys).set_index(keys).reindex(every.index)
    table["rows"] = table["rows"].fillna(0).astype("int64")
    unit = scale.rename_axis(index="server", columns="target").unstack()  # (target, server)
    unit = unit.reindex(every.index)
    unit = unit.where((unit > 0).to_numpy())
    table["sQL"] = loss.reindex(every.index) / unit
    table["MASE"] = table["MAE"] / unit
    table["dropped"] = every - table["rows"]
    order = ["wQL", "sQL", "MAE", "MASE", "cover80", "width80", "rows", "dropped"]
    return table[order].rename_axis(keys).reset_index()


def _by_target(aligned: pd.DataFrame, rows: pd.DataFrame, by_server: pd.DataFrame) -> pd.DataFrame:
    every = aligned.groupby("target", sort=True).size()
    table = _summary(rows, ["target"]).set_index("target").reindex(every.index)
    table["rows"] = table["rows"].fillna(0).astype("int64")
    table["dropped"] = every - table["rows"]
    means = rows.groupby("target", sort=True)[["last_error", "crossed"]].mean().reindex(every.index)
    table["crossed"] = means["crossed"]
    # no skill can be told where the last value carried forward makes no error at all
    table["MAE_skill"] = 1.0 - table["MAE"] / means["last_error"].where(means["last_error"] > 0)
    per_server = by_server.groupby("target", sort=True)[["sQL", "MASE"]].mean()
    table[["sQL", "MASE"]] = per_server.reindex(every.index)
    return table[[*MEASURES, "rows", "dropped"]].rename_axis("target").reset_index()


def _calibration(rows: pd.DataFrame, columns: dict[float, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    below, inside = [], []
    for target, part in rows.groupby("target", sort=True):
        actual = part["actual"].to_numpy("float64")
        size = max(float(np.abs(actual).mean()), TINY)
        for level, name in columns.items():
            quantile = part[name].to_numpy("float64")
            share = float((actual < quantile).mean() + level * (actual == quantile).mean())
            below.append({"target": target, "nominal": level, "observed": share})
        for low_level, high_level, nominal in central_intervals(list(columns)):
            low = part[columns[low_level]].to_numpy("float64")
            high = part[columns[high_level]].to_numpy("float64")
            share = float(((actual >= low) & (actual <= high)).mean())
            width = float((high - low).mean()) / size
            inside.append({"target": target, "nominal": nominal, "observed": share, "width": width})
    return (
        pd.DataFrame(below, columns=["target", "nominal", "observed"]),
        pd.DataFrame(inside, columns=["target", "nominal", "observed", "width"]),
    )

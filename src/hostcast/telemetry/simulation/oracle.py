"""The best forecast there can be of a simulated fleet: what no model gets below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

__all__ = ["oracle_quantiles"]

Ranges = Mapping[str, Sequence[float | None]]


def oracle_quantiles(
    truth: pd.DataFrame,
    cutoffs: pd.DataFrame,
    *,
    horizon: int,
    quantiles: Sequence[float],
    step: pd.Timedelta,
    ranges: Ranges,
) -> pd.DataFrame:
    """Forecast with the simulation's own law: the noise floor.

    From cutoff c, h steps ahead, the value is clip(expected[c+h] + p^h noise[c] + e) with
    e ~ N(0, s² (1 - p^(2h)) / (1 - p²)), p the persistence and s the innovation's standard deviation
    (Box, Jenkins, Reinsel, "Time Series Analysis", the AR(1) forecast function). `expected` knows when
    releases and incidents will come, which nobody can: a lower bound that a model approaches, not one it can
    reach.

    Args:
        truth: as `Simulation.truth`: server, timestamp, target, expected, noise, persistence, innovation_std.
        cutoffs: server, cutoff; each cutoff and the horizon after it are rows of `truth`.
        horizon: steps to forecast.
        quantiles: levels, rising, 0 < level < 1.
        step: length of one step.
        ranges: target -> [low, high], None = open; forecasts are clipped to it.

    Returns:
        server, cutoff, timestamp, target, q<level>..., sorted by server and cutoff, targets in the order of
        `truth`.

    Raises:
        ValueError: a cutoff, or the horizon after it, is not in `truth`.
    """
    ordered = cutoffs.sort_values(["server", "cutoff"], kind="stable")
    targets = list(dict.fromkeys(truth["target"]))
    parts = []
    known = {str(server): part for server, part in truth.groupby("server", sort=True)}
    for name, asked in ordered.groupby("server", sort=True):
        server = str(name)
        if server not in known:
            raise ValueError(f"server {server!r} is not in the truth")
        at = pd.DatetimeIndex(asked["cutoff"]).as_unit("us")
        for target in targets:
            series = known[server][known[server]["target"] == target].sort_values("timestamp", kind="stable")
            part = _forecast(series, at, horizon, quantiles, step, ranges.get(target, (None, None)))
            part.insert(0, "server", pd.Series([server] * len(part), dtype="str"))
            part.insert(3, "target", pd.Series([target] * len(part), dtype="str"))
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    rank = {target: position for position, target in enumerate(targets)}
    order = pd.DataFrame(
        {
            "server": table["server"],
            "cutoff": table["cutoff"],
            "target": table["target"].map(rank),
            "timestamp": table["timestamp"],
        }
    ).sort_values(["server", "cutoff", "target", "timestamp"], kind="stable")
    return table.loc[order.index].reset_index(drop=True)


def _forecast(
    series: pd.DataFrame,
    cutoffs: pd.DatetimeIndex,
    horizon: int,
    levels: Sequence[float],
    step: pd.Timedelta,
    limits: Sequence[float | None],
) -> pd.DataFrame:
    """One server and target: cutoff, timestamp, q<level>..., (cutoffs * horizon) rows."""
    times = pd.DatetimeIndex(series["timestamp"]).as_unit("us")
    ahead = np.arange(1, horizon + 1)
    deltas = pd.TimedeltaIndex(ahead * step).as_unit("us")
    wanted = cutoffs.repeat(horizon) + deltas[np.tile(ahead - 1, len(cutoffs))]
    origins = times.get_indexer(cutoffs)
    rows = times.get_indexer(wanted)
    if (origins < 0).any() or (rows < 0).any():
        raise ValueError(
            f"{(origins < 0).sum()} cutoff(s) and {(rows < 0).sum()} forecast time(s) are not in the truth"
        )
    noise = series["noise"].to_numpy("float64")[origins][:, None]  # (cutoffs, 1)
    persistence = series["persistence"].to_numpy("float64")[origins][:, None]
    innovation = series["innovation_std"].to_numpy("float64")[origins][:, None]
    decay = persistence**ahead  # (cutoffs, horizon)
    mean = series["expected"].to_numpy("float64")[rows].reshape(decay.shape) + decay * noise
    spread = innovation * np.sqrt((1 - decay**2) / (1 - persistence**2))
    low, high = (-np.inf if limits[0] is None else limits[0]), (np.inf if limits[1] is None else limits[1])
    table = pd.DataFrame({"cutoff": cutoffs.repeat(horizon), "timestamp": wanted})
    for level in levels:
        quantile = mean + NormalDist().inv_cdf(level) * spread
        table[f"q{level:g}"] = np.clip(quantile, low, high).reshape(-1)
    return table

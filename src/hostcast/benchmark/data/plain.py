"""The work of prepare, featurize and split as one would write it in pandas, all rows in memory.

It leaves out what pandas has no short word for: naming the file and row of a fault, and most of the
quality report.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hostcast.params import Params

__all__ = ["plain_featurize", "plain_prepare", "plain_split"]

DAY, WEEK, MONDAY = 86_400, 7 * 86_400, 4 * 86_400


def plain_prepare(raw: Path, made: Path, params: Params) -> None:
    """Read the files, mask, merge, and lay every server on its grid."""
    metrics = [*params.base.target_metrics, *params.prepare.covariates]
    frame = pd.concat([pd.read_parquet(path) for path in sorted(raw.glob("*.parquet"))], ignore_index=True)
    for name in metrics:
        low, high = params.prepare.ranges.get(name, (None, None))
        frame[name] = frame[name].where(frame[name].between(_or(low, -np.inf), _or(high, np.inf)))
    frame = frame.dropna(subset=metrics, how="all").drop_duplicates()
    frame["timestamp"] = frame["timestamp"].dt.floor(params.base.freq)
    merged = frame.groupby(["server", "timestamp"], sort=True)[metrics].mean().reset_index()
    parts = []
    for server, part in merged.groupby("server", sort=True):
        if len(part) >= params.prepare.min_rows:
            own = part.set_index("timestamp")[metrics].asfreq(params.base.freq)
            own.insert(0, "server", server)
            parts.append(own.reset_index())
    grid = pd.concat(parts, ignore_index=True)[["server", "timestamp", *metrics]]
    grid[metrics].describe().to_json(made / "quality.json")
    grid.to_parquet(made / "telemetry.parquet")


def plain_featurize(made: Path, params: Params) -> None:
    """Add the calendar and the share of missing targets."""
    grid = pd.read_parquet(made / "telemetry.parquet")
    seconds = grid["timestamp"].astype("int64") // 1_000_000
    for name, offset, period in (("time_of_day", 0, DAY), ("day_of_week", MONDAY, WEEK)):
        angle = 2 * np.pi * (((seconds - offset) % period) / period)
        grid[f"{name}_sin"] = np.sin(angle).astype("float32")
        grid[f"{name}_cos"] = np.cos(angle).astype("float32")
    grid["missing_share"] = grid[params.base.target_metrics].isna().mean(axis=1).astype("float32")
    grid.to_parquet(made / "features.parquet")


def plain_split(made: Path, params: Params) -> None:
    """List the runs of cutoffs of each part, one instant for all servers."""
    split, targets = params.split, params.base.target_metrics
    assert isinstance(split.validation_split, float) and isinstance(split.test_split, float)
    grid = pd.read_parquet(made / "telemetry.parquet", columns=["server", "timestamp", *targets])
    start, stop = grid["timestamp"].min(), grid["timestamp"].max() + params.base.step
    span = int((stop - start) / params.base.step)
    test_at = start + round((1 - split.test_split) * span) * params.base.step
    valid_at = start + round((1 - split.test_split - split.validation_split) * span) * params.base.step
    by_server = grid.groupby("server", sort=False)
    grid["row"] = by_server.cumcount()
    rows = by_server["row"].transform("size")
    grid["missing"] = grid[targets].isna().sum(axis=1)
    grid["so_far"] = by_server["missing"].cumsum()
    ahead = by_server["so_far"].shift(-split.horizon) - grid["so_far"]
    enough = ahead / (split.horizon * len(targets)) <= split.max_missing
    train_end = (grid["timestamp"] < valid_at).groupby(grid["server"], sort=False).transform("sum")
    validation_end = (grid["timestamp"] < test_at).groupby(grid["server"], sort=False).transform("sum")
    runs = []
    for order, (name, low, high, stride) in enumerate(
        (
            ("train", split.min_encoder_length - 1, train_end, 1),
            ("validation", train_end - 1, validation_end, split.validation_stride),
            ("test", validation_end - 1, rows, 1),
            ("refit", split.min_encoder_length - 1, validation_end, 1),
        )
    ):
        row = grid["row"]
        inside = (row >= low) & (row < high - split.horizon) & ((row - low) % stride == 0)
        chosen = grid.loc[inside & (enough | (name == "test")), ["server", "row"]]
        run = ((chosen["row"].diff() != stride) | (chosen["server"] != chosen["server"].shift())).cumsum()
        found = chosen.groupby(run).agg(
            server=("server", "first"), first=("row", "first"), last=("row", "last")
        )
        runs.append(found.assign(part=name, step=stride, order=order))
    table = pd.concat(runs).sort_values(["server", "order", "first"])
    table[["part", "server", "first", "last", "step"]].to_parquet(made / "windows.parquet", index=False)


def _or(bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else bound

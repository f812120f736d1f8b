"""Arrays of quantiles as one forecast table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hostcast.evaluation.baselines.task import Floats, Series, Task

__all__ = ["table_of"]


def table_of(fleet: Sequence[Series], blocks: Sequence[Floats], task: Task) -> pd.DataFrame:
    """The forecasts of all servers, in range and in order.

    Args:
        fleet: the servers.
        blocks: quantiles of each, (cutoffs, targets, horizon, levels); they are changed in place.

    Returns:
        server, cutoff, timestamp, target, q<level>..., sorted by server and cutoff.
    """
    for position, target in enumerate(task.targets):
        low, high = task.bounds(target)
        for block in blocks:
            np.clip(block[:, position], low, high, out=block[:, position])
    parts = [
        _part(series, block, task)
        for series, block in zip(fleet, blocks, strict=True)
        if len(series.cutoff_rows)
    ]
    return pd.concat(parts, ignore_index=True)


def _part(series: Series, block: Floats, task: Task) -> pd.DataFrame:
    count, targets, horizon, levels = block.shape
    ahead = pd.TimedeltaIndex([task.step * i for i in range(1, horizon + 1)]).as_unit("us").to_numpy()
    cutoffs = series.times[series.cutoff_rows].tz_convert("UTC").tz_localize(None).to_numpy()
    times = cutoffs[:, None, None] + ahead[None, None, :]  # (cutoffs, 1, horizon)
    times = np.broadcast_to(times, (count, targets, horizon)).reshape(-1)
    table = pd.DataFrame(
        {
            "server": pd.Series([series.server] * len(times), dtype="str"),
            "cutoff": pd.DatetimeIndex(np.repeat(cutoffs, targets * horizon)).tz_localize("UTC"),
            "timestamp": pd.DatetimeIndex(times).tz_localize("UTC"),
            "target": pd.Series(np.tile(np.repeat(list(task.targets), horizon), count), dtype="str"),
        }
    )
    quantiles = np.maximum.accumulate(block.reshape(len(times), levels), axis=1)
    for i, level in enumerate(task.levels):
        table[f"q{level:g}"] = quantiles[:, i]
    return table

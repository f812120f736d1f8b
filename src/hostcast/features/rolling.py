"""Statistics of each target over a trailing window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.features.roles import Column
from hostcast.features.rows import Columns, ServerRows

__all__ = ["rolling_columns", "rolling_features"]


def rolling_features(
    rows: ServerRows, *, targets: Sequence[str], windows: Sequence[int], statistics: Sequence[str]
) -> Columns:
    """E.g. cpu_percent_mean_12: over the step itself and the eleven before it, of what was observed.

    A window without an observed value gives NaN; the standard deviation is that of the window's values
    themselves (not of a population they were drawn from), 0 for a single one.

    Args:
        rows: of servers.
        targets: columns.
        windows: lengths in steps.
        statistics: any of mean, std, min, max.
    """
    columns: Columns = {}
    for window in windows:
        for statistic in statistics:
            for target in targets:
                made = np.empty(rows.rows, np.float64)
                # one server at a time: pandas' running sums would carry rounding from one into the next
                for own in rows.slices():
                    made[own] = _trailing(rows.numbers[target][own], window, statistic)
                columns[f"{target}_{statistic}_{window}"] = made
    return columns


def rolling_columns(
    *, targets: Sequence[str], windows: Sequence[int], statistics: Sequence[str]
) -> list[tuple[str, Column]]:
    """Names and roles of `rolling_features`."""
    return [
        (
            f"{target}_{statistic}_{window}",
            Column(role="observed", kind="real", made_by="rolling", sources=(target,)),
        )
        for window in windows
        for statistic in statistics
        for target in targets
    ]


def _trailing(values: npt.NDArray[Any], window: int, statistic: str) -> npt.NDArray[np.float64]:
    trailing = pd.Series(values.astype("float64")).rolling(window, min_periods=1)
    # over n, not n - 1: a single value has no spread rather than an unknown one
    made = trailing.std(ddof=0) if statistic == "std" else getattr(trailing, statistic)()
    return np.asarray(made, np.float64)

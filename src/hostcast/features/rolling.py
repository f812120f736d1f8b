"""Statistics of each target over a trailing window."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hostcast.features.roles import Column

__all__ = ["rolling_columns", "rolling_features"]


def rolling_features(
    telemetry: pd.DataFrame,
    *,
    group: str,
    targets: Sequence[str],
    windows: Sequence[int],
    statistics: Sequence[str],
) -> pd.DataFrame:
    """E.g. cpu_percent_mean_12: over the step itself and the eleven before it, of what was observed.

    A window without an observed value gives NaN; the standard deviation is that of the window's values
    themselves (not of a population they were drawn from), 0 for a single one.

    Args:
        telemetry: a regular grid per server, rows of a server in time order.
        windows: lengths in steps.
        statistics: any of mean, std, min, max.
    """
    # one server at a time: pandas' running sums would carry rounding from one server into the next
    parts = [
        _of_one_server(part[list(targets)].astype("float64"), windows, statistics)
        for _, part in telemetry.groupby(group, sort=False)
    ]
    return pd.concat(parts).reindex(telemetry.index)


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


def _of_one_server(values: pd.DataFrame, windows: Sequence[int], statistics: Sequence[str]) -> pd.DataFrame:
    parts = []
    for window in windows:
        trailing = values.rolling(window, min_periods=1)
        for statistic in statistics:
            # over n, not n - 1: a single value has no spread rather than an unknown one
            made = trailing.std(ddof=0) if statistic == "std" else getattr(trailing, statistic)()
            parts.append(made.add_suffix(f"_{statistic}_{window}"))
    return pd.concat(parts, axis=1) if parts else pd.DataFrame(index=values.index)

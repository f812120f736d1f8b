"""What a target was some steps ago."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hostcast.features.roles import Column

__all__ = ["lag_columns", "lag_features"]


def lag_features(
    telemetry: pd.DataFrame, *, group: str, targets: Sequence[str], lags: Sequence[int]
) -> pd.DataFrame:
    """Each target's value each lag ago, e.g. cpu_percent_lag_288; NaN before the server's first row.

    Args:
        telemetry: a regular grid per server, rows of a server in time order.
        lags: steps, at least 1.
    """
    by_server = telemetry.groupby(group, sort=False)
    columns = {}
    for lag in lags:
        shifted = by_server[list(targets)].shift(lag)
        for target in targets:
            columns[f"{target}_lag_{lag}"] = shifted[target]
    return pd.DataFrame(columns, index=telemetry.index)


def lag_columns(*, targets: Sequence[str], lags: Sequence[int], horizon: int) -> list[tuple[str, Column]]:
    """Names and roles of `lag_features`: a lag as long as the horizon is known over all of it."""
    return [
        (
            f"{target}_lag_{lag}",
            Column("known" if lag >= horizon else "observed", "real", made_by="lag", sources=(target,)),
        )
        for lag in lags
        for target in targets
    ]

"""What a target was some steps ago."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hostcast.features.roles import Column
from hostcast.features.rows import Columns, ServerRows

__all__ = ["lag_columns", "lag_features"]


def lag_features(rows: ServerRows, *, targets: Sequence[str], lags: Sequence[int]) -> Columns:
    """Each target's value each lag ago, e.g. cpu_percent_lag_288; NaN before the server's first row.

    Args:
        rows: of servers.
        targets: columns.
        lags: steps, at least 1.
    """
    columns = {}
    for lag in lags:
        for target in targets:
            values = rows.numbers[target]
            shifted = np.full_like(values, np.nan)
            for own in rows.slices():
                shifted[own][lag:] = values[own][:-lag]
            columns[f"{target}_lag_{lag}"] = shifted
    return columns


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

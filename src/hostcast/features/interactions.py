"""Products of two columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hostcast.features.roles import Column

__all__ = ["interaction_columns", "interaction_features"]


def interaction_features(telemetry: pd.DataFrame, *, pairs: Sequence[Sequence[str]]) -> pd.DataFrame:
    """E.g. cpu_percent_x_load_average; NaN where either is missing."""
    return pd.DataFrame(
        {
            f"{left}_x_{right}": telemetry[left].astype("float64") * telemetry[right].astype("float64")
            for left, right in pairs
        },
        index=telemetry.index,
    )


def interaction_columns(*, pairs: Sequence[Sequence[str]]) -> list[tuple[str, Column]]:
    """Names and roles of `interaction_features`: as little known ahead as the columns they are made from."""
    return [
        (
            f"{left}_x_{right}",
            Column(role="observed", kind="real", made_by="interaction", sources=(left, right)),
        )
        for left, right in pairs
    ]

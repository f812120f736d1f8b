"""Products of two columns."""

from __future__ import annotations

from collections.abc import Sequence

from hostcast.features.roles import Column
from hostcast.features.rows import Columns, ServerRows

__all__ = ["interaction_columns", "interaction_features"]


def interaction_features(rows: ServerRows, *, pairs: Sequence[Sequence[str]]) -> Columns:
    """E.g. cpu_percent_x_load_average; NaN where either is missing."""
    return {
        f"{left}_x_{right}": rows.numbers[left].astype("float64") * rows.numbers[right].astype("float64")
        for left, right in pairs
    }


def interaction_columns(*, pairs: Sequence[Sequence[str]]) -> list[tuple[str, Column]]:
    """Names and roles of `interaction_features`: as little known ahead as the columns they are made from."""
    return [
        (
            f"{left}_x_{right}",
            Column(role="observed", kind="real", made_by="interaction", sources=(left, right)),
        )
        for left, right in pairs
    ]

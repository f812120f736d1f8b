"""How much of a step was not observed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hostcast.features.roles import Column
from hostcast.features.rows import Columns, ServerRows

__all__ = ["MISSING_SHARE", "missing_columns", "missing_features"]

MISSING_SHARE = "missing_share"


def missing_features(rows: ServerRows, *, targets: Sequence[str]) -> Columns:
    """Share of the targets that are missing at each step, 0 to 1."""
    count = np.zeros(rows.rows, np.float64)
    for target in targets:
        count += np.isnan(rows.numbers[target])
    return {MISSING_SHARE: count / len(targets)}


def missing_columns(*, targets: Sequence[str]) -> list[tuple[str, Column]]:
    """Name and role of `missing_features`."""
    return [(MISSING_SHARE, Column("observed", "real", made_by="missing", sources=tuple(targets)))]

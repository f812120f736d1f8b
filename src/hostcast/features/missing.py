"""How much of a step was not observed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hostcast.features.roles import Column

__all__ = ["MISSING_SHARE", "missing_columns", "missing_features"]

MISSING_SHARE = "missing_share"


def missing_features(telemetry: pd.DataFrame, *, targets: Sequence[str]) -> pd.DataFrame:
    """Share of the targets that are missing at each step, 0 to 1."""
    return telemetry[list(targets)].isna().mean(axis=1).to_frame(MISSING_SHARE)


def missing_columns(*, targets: Sequence[str]) -> list[tuple[str, Column]]:
    """Name and role of `missing_features`."""
    return [(MISSING_SHARE, Column("observed", "real", made_by="missing", sources=tuple(targets)))]

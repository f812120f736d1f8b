"""Fixtures over the small fleets of `telemetry_data`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from telemetry_data import made_fleet, made_params

from hostcast.params import Params
from hostcast.telemetry import Prepared, prepare


@pytest.fixture
def params_for() -> Callable[..., Params]:
    return made_params


@pytest.fixture
def fleet() -> pd.DataFrame:
    return made_fleet()


@pytest.fixture
def fleet_of() -> Callable[..., pd.DataFrame]:
    return made_fleet


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Prepared]:
    """Prepare a table as a Parquet file holds it."""

    def run(frame: pd.DataFrame, **params: object) -> Prepared:
        frame.to_parquet(tmp_path / "t.parquet")
        return prepare(made_params(tmp_path / "t.parquet", **params))

    return run

"""Fixtures over the small fleets of `telemetry_data`."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from telemetry_data import made_fleet, made_params

from hostcast.params import Params


@pytest.fixture
def params_for() -> Callable[..., Params]:
    return made_params


@pytest.fixture
def fleet() -> pd.DataFrame:
    return made_fleet()


@pytest.fixture
def fleet_of() -> Callable[..., pd.DataFrame]:
    return made_fleet

"""Small prepared telemetry and params to make features of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from hostcast.params import Params, parse_params

TARGETS = ("cpu_percent", "memory_percent", "disk_percent", "load_average")
SHIPPED = Path(__file__).parents[2] / "params.yaml"


def params_with(**featurize: Any) -> Params:
    """The shipped params with other keys under featurize; covariates, static and horizon as named."""
    content = YAML(typ="safe").load(SHIPPED.read_text("utf-8"))
    content["prepare"]["covariates"] = featurize.pop("covariates", [])
    content["prepare"]["static"] = featurize.pop("static", [])
    content["split"]["horizon"] = featurize.pop("horizon", 4)
    content["base"]["target_metrics"] = list(featurize.pop("targets", TARGETS))
    content["base"]["freq"] = "5min"
    content["featurize"] = {
        "time_of_day": False,
        "day_of_week": False,
        "lags": [],
        "lagged": None,
        "rolling_windows": [],
        "rolling_statistics": ["mean"],
        "interactions": [],
        "missing_indicators": False,
        **featurize,
    }
    return parse_params(content)


def telemetry(rows: int = 12, servers: int = 2, missing: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Prepared telemetry: random values on a regular grid, a share of them missing."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2025-01-06", periods=rows, freq="5min", tz="UTC").as_unit("us")
    parts = []
    for number in range(servers):
        values = rng.uniform(0, 100, size=(rows, len(TARGETS)))
        values[rng.random(values.shape) < missing] = np.nan
        part = pd.DataFrame(values.astype("float32"), columns=list(TARGETS))
        part.insert(0, "timestamp", times)
        part.insert(0, "server", pd.Series([f"web-{number:02d}"] * rows, dtype="str"))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)

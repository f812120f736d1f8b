"""A small fleet that follows a daily cycle, cut into a training span and what came after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fleet import shipped
from hostcast.account import Reference, reference_of
from hostcast.params import Params, parse_params
from hostcast.splitting import split_of
from hostcast.telemetry import prepare_into

TARGETS = ["cpu_percent", "load_average"]
DAYS, STEPS = 28, 24
CUT = "2025-01-27"


def asked(path: Path, **drift: Any) -> Params:
    content = shipped()
    content["base"] |= {"freq": "1h", "target_metrics": TARGETS}
    content["prepare"] |= {"source": "files", "path": str(path), "min_rows": 1, "on_empty_server": "drop"}
    content["split"] |= {
        "encoder_length": 24,
        "min_encoder_length": 24,
        "horizon": 6,
        "validation_split": CUT,
        "test_split": "2025-01-30",
    }
    content["drift"] |= {"min_values": 100, **drift}
    content["runtime"]["progress"] = False
    return parse_params(content)


def made_fleet(servers: int = 6, seed: int = 3) -> pd.DataFrame:
    """Four weeks of hours that follow a daily cycle and nothing else."""
    numbers = np.random.default_rng(seed)
    times = pd.date_range("2025-01-06", periods=DAYS * STEPS, freq="1h", tz="UTC", unit="us")
    hours = np.arange(len(times))
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "server": f"web-{number}",
                    "timestamp": times,
                    "cpu_percent": 40
                    + 10 * np.sin(hours / 24 * 2 * np.pi)
                    + numbers.normal(0, 4, len(hours)),
                    "load_average": 3 + numbers.normal(0, 0.5, len(hours)),
                }
            )
            for number in range(servers)
        ],
        ignore_index=True,
    )


def prepare(folder: Path, frame: pd.DataFrame, **drift: Any) -> tuple[Path, Params]:
    path = folder / "fleet.parquet"
    frame.to_parquet(path)
    params = asked(path, **drift)
    prepare_into(folder / "prepared", params)
    return folder / "prepared", params


def reference_in(folder: Path, frame: pd.DataFrame) -> Reference:
    prepared, params = prepare(folder, frame)
    return reference_of(prepared, split_of(prepared, params).spans, params)


def later(frame: pd.DataFrame, since: str = CUT) -> pd.Series:
    return frame["timestamp"] >= pd.Timestamp(since, tz="UTC")

"""A small fleet that follows a daily cycle, cut into a training span and what came after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fleet import shipped
from hostcast.account import Reference, reference_of
from hostcast.features import featurize_into
from hostcast.params import Params, parse_params
from hostcast.splitting import split_of
from hostcast.telemetry import prepare_into

TARGETS = ["cpu_percent", "load_average"]
DAYS, STEPS = 28, 24
CUT = "2025-01-27"


def asked(path: Path, changes: dict[str, Any], **drift: Any) -> Params:
    """Params for `made_fleet`; `changes` maps dotted paths to values."""
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
    for dotted, value in changes.items():
        section, key = dotted.split(".")
        content[section][key] = value
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


def prepare(
    folder: Path, frame: pd.DataFrame, changes: dict[str, Any] | None = None, **drift: Any
) -> tuple[Path, Params]:
    path = folder / "fleet.parquet"
    frame.to_parquet(path)
    params = asked(path, changes or {}, **drift)
    prepare_into(folder / "prepared", params)
    return folder / "prepared", params


def reference_in(folder: Path, frame: pd.DataFrame) -> Reference:
    prepared, params = prepare(folder, frame)
    return reference_to(prepared, params)


def reference_to(prepared: Path, params: Params) -> Reference:
    """The account that training would make of what was prepared."""
    features = prepared.with_name("features")
    roles = featurize_into(features, prepared, params)
    split = split_of(prepared, params)
    return reference_of(features, split.spans, roles.measured, progress=False, held_out=split.held_out)


def later(frame: pd.DataFrame, since: str = CUT) -> pd.Series:
    return frame["timestamp"] >= pd.Timestamp(since, tz="UTC")

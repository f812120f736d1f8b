"""Small fleets in files, and params that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hostcast.params import Params, load_params, parse_params

TARGETS = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
REPOSITORY = Path(__file__).parents[2]


def made_params(path: Path | str, *, base: dict[str, Any] | None = None, **prepare: Any) -> Params:
    """The shipped params with telemetry from `path`, no minimal history, and the given changes."""
    content = load_params(REPOSITORY / "params.yaml").model_dump()
    content["base"].update(base or {})
    content["prepare"].update({"source": "files", "path": str(path), "min_rows": 1, **prepare})
    return parse_params(content)


def made_fleet(servers: int = 2, steps: int = 6, freq: str = "5min") -> pd.DataFrame:
    """Complete rows on the grid; every value survives float32 unchanged."""
    random = np.random.default_rng(3)
    times = pd.date_range("2025-01-06", periods=steps, freq=freq, tz="UTC", unit="us")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "server": f"web-{number}",
                    "timestamp": times,
                    **{name: random.integers(0, 400, steps) / 4 for name in TARGETS},
                }
            )
            for number in range(servers)
        ],
        ignore_index=True,
    )

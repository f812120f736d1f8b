"""A small hourly fleet with gaps, and a forecast of it that is somewhat off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from hostcast.evaluation import EvaluationInputs, last_value
from hostcast.params import Params, parse_params

PARAMS = Path(__file__).parents[2] / "params.yaml"
LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
TARGETS = ["cpu_percent", "load_average"]
HORIZON, SEASON, DAYS = 6, 24, 20
STEP = pd.Timedelta(1, unit="h")


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """What the baselines are asked for."""
    return {
        "targets": TARGETS,
        "horizon": HORIZON,
        "step": STEP,
        "levels": LEVELS,
        "ranges": {"cpu_percent": [0, 100], "load_average": [0, None]},
        "recent": 500,
    }


@pytest.fixture(scope="session")
def params() -> Params:
    """The shipped params, cut down to the small fleet."""
    content = YAML(typ="safe").load(PARAMS.read_text("utf-8"))
    content["base"] |= {"freq": "1h", "target_metrics": TARGETS}
    content["split"] |= {"horizon": HORIZON, "encoder_length": 24, "min_encoder_length": 24}
    content["evaluate"] |= {"quantiles": LEVELS, "season": SEASON, "plot_servers": 2}
    content["evaluate"]["lightgbm"] |= {"rows": 4000, "rounds": 15}
    return parse_params(content)


@pytest.fixture(scope="session")
def make_telemetry() -> Callable[..., pd.DataFrame]:
    """A maker of telemetry: daily cycles and noise, 5 % of the values missing."""

    def make(names: tuple[str, ...] = ("a", "b", "c"), missing: float = 0.05, seed: int = 7) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        hours = np.arange(DAYS * 24)
        parts = []
        for number, name in enumerate(names):
            cpu = 40 + 20 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 3 + 3 * number, len(hours))
            load = 2 + number + np.cumsum(rng.normal(0, 0.1, len(hours)))
            part = pd.DataFrame({"cpu_percent": cpu.clip(0, 100), "load_average": load.clip(0)})
            part = part.mask(rng.random(part.shape) < missing).astype("float32")
            times = pd.date_range("2025-01-01", periods=len(hours), freq="1h", tz="UTC").as_unit("us")
            part.insert(0, "timestamp", times)
            part.insert(0, "server", pd.Series([name] * len(hours), dtype="str"))
            parts.append(part)
        return pd.concat(parts, ignore_index=True).sort_values(["server", "timestamp"], ignore_index=True)

    return make


@pytest.fixture(scope="session")
def make_span() -> Callable[[pd.DataFrame], tuple[pd.DataFrame, dict[str, pd.Timestamp]]]:
    """A maker of cutoffs and test starts: the last four days are the test, a cutoff every six hours."""

    def make(telemetry: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, pd.Timestamp]]:
        rows, starts = [], {}
        for name, part in telemetry.groupby("server"):
            times = part["timestamp"].to_list()
            first = len(times) - 4 * 24
            starts[str(name)] = times[first]
            rows += [(str(name), times[i]) for i in range(first - 1, len(times) - HORIZON, 6)]
        return pd.DataFrame(rows, columns=["server", "cutoff"]), starts

    return make


@pytest.fixture(scope="session")
def make_inputs(
    make_telemetry: Callable[..., pd.DataFrame],
    make_span: Callable[..., Any],
    settings: dict[str, Any],
    params: Params,
) -> Callable[..., EvaluationInputs]:
    """A maker of evaluation inputs; `bias` is what the model is off by, in the target's unit."""

    def make(names: tuple[str, ...] = ("a", "b", "c"), bias: float = 1.0, **changes: Any) -> EvaluationInputs:
        telemetry = make_telemetry(names)
        cutoffs, starts = make_span(telemetry)
        forecasts = last_value(telemetry, cutoffs, starts, **settings)
        forecasts[[f"q{level:g}" for level in LEVELS]] += bias
        content: dict[str, Any] = {
            "forecasts": forecasts,
            "telemetry": telemetry,
            "cutoffs": cutoffs,
            "test_start": starts,
            **spans_before(telemetry, starts),
            "importance": pd.DataFrame(
                {
                    "part": ["static", "encoder", "encoder", "decoder"],
                    "variable": ["server", "cpu_percent", "hour", "hour"],
                    "importance": [1.0, 0.7, 0.3, 1.0],
                }
            ),
            "attention": pd.DataFrame({"position": range(-24, 0), "weight": np.full(24, 1 / 24)}),
            "history": pd.DataFrame(
                {"epoch": [0, 1], "train_loss": [1.0, 0.8], "val_loss": [1.1, 0.9], "learning_rate": 0.01}
            ),
            "quality": quality_report(names),
            "params": params,
        }
        return EvaluationInputs(**(content | changes))

    return make


def spans_before(telemetry: pd.DataFrame, starts: Mapping[str, pd.Timestamp]) -> dict[str, Any]:
    """Training spans, and validation spans of the four days before the test."""
    first = telemetry["timestamp"].min()
    cut = pd.Timedelta(4, unit="D")
    return {
        "training": {name: (first, start - cut) for name, start in starts.items()},
        "validation": {name: (start - cut, start) for name, start in starts.items()},
    }


def quality_report(names: Sequence[str]) -> dict[str, Any]:
    """A data-quality report in the form that `prepare` writes, with a gap on every server."""
    return {
        "source": "files",
        "files": [{"name": "fleet.csv", "rows": 100, "format": "csv", "sha256": "0" * 64}],
        "span": {"first": "2025-01-06T00:00:00Z", "last": "2025-01-08T00:00:00Z"},
        "rows": {"read": 100, "grid_steps": 110, "missing_steps": 10},
        "servers": [
            {
                "name": name,
                "first": "2025-01-06T00:00:00Z",
                "last": "2025-01-08T00:00:00Z",
                "steps": 55,
                "observed": 50,
                "longest_gap": 3,
            }
            for name in names
        ],
        "left_out": [{"name": name, "reason": "few rows", "observed": 2} for name in names[:1]],
        "columns": {
            "cpu_percent": {
                "min": 0.0,
                "mean": 30.0,
                "max": 99.0,
                "missing_share": 0.09,
                "out_of_range": 4,
            },
            "wholly_missing": {"min": None, "mean": None, "max": None},
        },
        "treatments": [{"issue": f"rows of {name}", "treatment": "left out", "count": 2} for name in names],
    }

"""A shape that takes a moment, its data, and params to measure it with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark_data import tiny_params

from hostcast.benchmark.engines.data import write_data
from hostcast.benchmark.engines.shapes import SHAPES, Shape, params_of
from hostcast.params import Params

TINY = replace(
    SHAPES["fleet"],
    series=3,
    rows=200,
    targets=2,
    missing=0.02,
    encoder_length=24,
    horizon=8,
    hidden_size=8,
    hidden_continuous_size=4,
    attention_heads=2,
    quantiles=(0.1, 0.5, 0.9),
    batch_size=8,
    forecast_series=10,
    cpu_forecast_batch=4,
)


def quick_params(**changes: Any) -> Params:
    """Params of a suite that takes seconds; `changes` are keys of section `benchmark`."""
    budget = {"engine_repeats": 2, "seconds": 0.05, "quality_repeats": 1, "device": "cpu", **changes}
    train = {"epochs": 3, "batch_size": 16, "windows_per_epoch": 64, "validation_windows": 24}
    return tiny_params(benchmark=budget, train=train)


def write_tiny(folder: Path, shape: Shape = TINY) -> Path:
    """The folder, with a shape's data in it."""
    params = params_of(shape, quick_params(), engine="reference", device="cpu")
    write_data(folder, shape, params, forecasts=True)
    return folder

"""Where every artifact of the pipeline lives, relative to the project's root.

`dvc.yaml` names the same paths; `tests/test_paths.py` holds the two together.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "BENCHMARK_METRICS",
    "BENCHMARK_RATIOS",
    "BENCHMARK_RUNS",
    "BENCHMARK_TABLE",
    "CHECKPOINTS",
    "DRIFT_REPORT",
    "EVALUATE_METRICS",
    "EVALUATE_PLOTS",
    "EVALUATE_TABLES",
    "FEATURES",
    "FOLD_MODELS",
    "FORECASTS",
    "HISTORY",
    "LIVE",
    "LOGS",
    "MODEL",
    "PARAMS",
    "PREPARED",
    "PULLED",
    "QUALITY_REPORT",
    "RAW",
    "REPORT",
    "ROLES",
    "SIMULATION_TRUTH",
    "SPLIT",
    "TRAIN_METRICS",
    "WINDOWS",
]

PARAMS = Path("params.yaml")

RAW = Path("data/raw")
PULLED = Path("data/pulled")
PREPARED = Path("data/prepared/telemetry")
SIMULATION_TRUTH = Path("data/prepared/noise_floor.parquet")
QUALITY_REPORT = Path("reports/prepare/quality.json")

FEATURES = Path("data/features/table")
ROLES = Path("data/features/roles.json")

SPLIT = Path("data/split/split.json")
WINDOWS = Path("data/split/windows.parquet")

MODEL = Path("models/tft")
FOLD_MODELS = Path("models/folds")
TRAIN_METRICS = Path("reports/train/metrics.json")
HISTORY = Path("reports/train/history.csv")
LIVE = Path("reports/train/live")
LOGS = Path("logs")
CHECKPOINTS = Path("models/checkpoints")

FORECASTS = Path("reports/evaluate/forecasts.parquet")
DRIFT_REPORT = Path("reports/evaluate/drift.json")
EVALUATE_METRICS = Path("reports/evaluate/metrics.json")
EVALUATE_TABLES = Path("reports/evaluate/tables")
EVALUATE_PLOTS = Path("reports/evaluate/plots")
REPORT = Path("reports/report.html")

BENCHMARK_METRICS = Path("reports/benchmark/metrics.json")
BENCHMARK_RATIOS = Path("reports/benchmark/ratios.svg")
BENCHMARK_RUNS = Path("reports/benchmark/runs.csv")
BENCHMARK_TABLE = Path("reports/benchmark/benchmark.md")

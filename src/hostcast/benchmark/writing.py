"""Writing a benchmark: metrics, runs and the table to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hostcast.benchmark.comparison import spread_of
from hostcast.benchmark.configurations import MATRIX
from hostcast.benchmark.report import render_benchmark
from hostcast.benchmark.run import BenchmarkResult
from hostcast.files import write_json, write_text
from hostcast.paths import BENCHMARK_METRICS, BENCHMARK_RUNS, BENCHMARK_TABLE

__all__ = ["headline", "write_benchmark"]


def write_benchmark(
    result: BenchmarkResult,
    *,
    metrics: Path = BENCHMARK_METRICS,
    runs: Path = BENCHMARK_RUNS,
    table: Path = BENCHMARK_TABLE,
) -> None:
    """Write everything the stage `benchmark` makes.

    Args:
        result: what to write.
        metrics: JSON file of a handful of numbers.
        runs: CSV file, one row per timed run.
        table: the Markdown page.
    """
    write_text(runs, result.runs.to_csv(index=False, lineterminator="\n"))
    write_text(table, render_benchmark(result))
    write_json(metrics, headline(result))


def headline(result: BenchmarkResult) -> dict[str, Any]:
    """The matrix in seconds per epoch (medians), and what everything together changed, as shares."""
    seconds = result.runs.groupby("configuration")["epoch_seconds"]
    combined = next(gain for gain in result.gains if gain.name == "all")
    return {
        "epoch_seconds": {name: round(spread_of(seconds.get_group(name)).median, 4) for name in MATRIX},
        "all_against_baseline": {
            "time": round(combined.time.median, 4),
            "memory": round(combined.memory.median, 4),
            "quality": round(combined.quality.median, 4),
        },
    }

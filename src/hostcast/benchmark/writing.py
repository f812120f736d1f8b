"""Writing a benchmark: metrics, runs and the table to read."""

from __future__ import annotations

from pathlib import Path

from hostcast.benchmark.gains import GainsResult, gains_metrics, render_gains
from hostcast.files import write_json, write_text
from hostcast.paths import BENCHMARK_METRICS, BENCHMARK_RUNS, BENCHMARK_TABLE

__all__ = ["write_benchmark"]


def write_benchmark(
    gains: GainsResult,
    *,
    metrics: Path = BENCHMARK_METRICS,
    runs: Path = BENCHMARK_RUNS,
    table: Path = BENCHMARK_TABLE,
) -> None:
    """Write everything the stage `benchmark` makes.

    Args:
        gains: what to write.
        metrics: JSON file of a handful of numbers.
        runs: CSV file, one row per timed run.
        table: the Markdown page.
    """
    write_text(runs, gains.runs.to_csv(index=False, lineterminator="\n"))
    write_text(table, f"# Benchmark\n\n{render_gains(gains)}\n")
    write_json(metrics, gains_metrics(gains))

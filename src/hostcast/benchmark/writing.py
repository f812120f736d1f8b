"""Writing a benchmark: metrics, runs, the page to read and the picture."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from hostcast.benchmark.commit import Commit
from hostcast.benchmark.engines import (
    EngineRuns,
    draw_ratios,
    engine_metrics,
    render_engines,
    results_document,
)
from hostcast.benchmark.gains import GainsResult, gains_metrics, render_gains
from hostcast.files import write_json, write_text
from hostcast.paths import BENCHMARK_METRICS, BENCHMARK_RATIOS, BENCHMARK_RUNS, BENCHMARK_TABLE

__all__ = ["write_benchmark", "write_results"]


def write_benchmark(
    engines: EngineRuns,
    gains: GainsResult,
    *,
    metrics: Path = BENCHMARK_METRICS,
    runs: Path = BENCHMARK_RUNS,
    table: Path = BENCHMARK_TABLE,
    ratios: Path = BENCHMARK_RATIOS,
) -> None:
    """Write everything the stage `benchmark` makes.

    Args:
        engines: the engines side by side.
        gains: the founding document's improvements.
        metrics: JSON file of the medians.
        runs: CSV file, one row per run of either; what only the other has stays empty.
        table: the Markdown page.
        ratios: the picture, SVG.
    """
    both = pd.concat([engines.runs.assign(part="engines"), gains.runs.assign(part="gains")])
    both.insert(0, "part", both.pop("part"))
    write_text(runs, both.to_csv(index=False, lineterminator="\n"))
    write_text(table, f"# Benchmark\n\n{render_engines(engines)}\n\n{render_gains(gains)}\n")
    write_text(ratios, draw_ratios(engines))
    write_json(metrics, {**gains_metrics(gains), **engine_metrics(engines)})


def write_results(engines: EngineRuns, path: Path, commit: Commit | None) -> None:
    """Write the engines' results to keep: JSON with every run, and a page and a picture of the same name.

    Args:
        engines: the engines side by side.
        path: of the JSON file.
        commit: of the code that was measured; None if nobody knows.
    """
    write_json(path, results_document(engines, commit))
    write_text(path.with_suffix(".md"), f"# Benchmark\n\n{render_engines(engines, commit)}\n")
    write_text(path.with_suffix(".svg"), draw_ratios(engines))

"""The engines side by side: what the fused one saves, on data of the benchmark's own making."""

from hostcast.benchmark.engines.figure import draw_ratios
from hostcast.benchmark.engines.report import render_engines
from hostcast.benchmark.engines.results import engine_metrics, results_document
from hostcast.benchmark.engines.run import ENGINES, EngineRuns, require_success, run_engines

__all__ = [
    "ENGINES",
    "EngineRuns",
    "draw_ratios",
    "engine_metrics",
    "render_engines",
    "require_success",
    "results_document",
    "run_engines",
]

"""The engines side by side: what the fused one saves, on data of the benchmark's own making."""

from hostcast.benchmark.engines.run import ENGINES, EngineRuns, run_engines

__all__ = ["ENGINES", "EngineRuns", "run_engines"]

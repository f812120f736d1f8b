"""How much telemetry prepare, featurize and split carry, how fast, and in how much memory."""

from hostcast.benchmark.data.report import write_data_results
from hostcast.benchmark.data.results import DataRuns
from hostcast.benchmark.data.run import run_data

__all__ = ["DataRuns", "run_data", "write_data_results"]

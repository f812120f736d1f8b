"""What training costs and what makes it faster, measured on this machine."""

from hostcast.benchmark.commit import measured_commit
from hostcast.benchmark.engines import EngineRuns, require_success, run_engines
from hostcast.benchmark.gains import GainsResult, run_gains
from hostcast.benchmark.options import Options
from hostcast.benchmark.writing import write_benchmark, write_results

__all__ = [
    "EngineRuns",
    "GainsResult",
    "Options",
    "measured_commit",
    "require_success",
    "run_engines",
    "run_gains",
    "write_benchmark",
    "write_results",
]

"""What each improvement of the founding document gains, measured beside what it promised."""

from hostcast.benchmark.configurations import BASELINE, MATRIX, Claim, Configuration, configurations
from hostcast.benchmark.run import BenchmarkResult, run_benchmark
from hostcast.benchmark.writing import write_benchmark

__all__ = [
    "BASELINE",
    "MATRIX",
    "BenchmarkResult",
    "Claim",
    "Configuration",
    "configurations",
    "run_benchmark",
    "write_benchmark",
]

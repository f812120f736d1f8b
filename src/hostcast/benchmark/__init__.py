"""What training costs and what makes it faster, measured on this machine."""

from hostcast.benchmark.gains import GainsResult, run_gains
from hostcast.benchmark.writing import write_benchmark

__all__ = ["GainsResult", "run_gains", "write_benchmark"]

"""What each improvement of the founding document gains, measured beside what it promised."""

from hostcast.benchmark.gains.configurations import (
    BASELINE,
    MATRIX,
    Claim,
    Configuration,
    configurations,
)
from hostcast.benchmark.gains.report import render_gains
from hostcast.benchmark.gains.run import GainsResult, run_gains
from hostcast.benchmark.gains.summary import gains_metrics

__all__ = [
    "BASELINE",
    "MATRIX",
    "Claim",
    "Configuration",
    "GainsResult",
    "configurations",
    "gains_metrics",
    "render_gains",
    "run_gains",
]

"""The gains in a handful of numbers."""

from __future__ import annotations

from typing import Any

from hostcast.benchmark.gains.configurations import MATRIX
from hostcast.benchmark.gains.run import GainsResult
from hostcast.benchmark.spread import spread_of

__all__ = ["gains_metrics"]


def gains_metrics(result: GainsResult) -> dict[str, Any]:
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

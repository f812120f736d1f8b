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
    gains = {gain.name: gain for gain in result.gains}
    together = {
        f"{name}_against_baseline": {
            "time": round(gains[name].time.median, 4),
            "memory": round(gains[name].memory.median, 4),
            "quality": round(gains[name].quality.median, 4),
        }
        for name in ("all", "all_fused")
    }
    return {
        "epoch_seconds": {name: round(spread_of(seconds.get_group(name)).median, 4) for name in MATRIX},
        **together,
    }

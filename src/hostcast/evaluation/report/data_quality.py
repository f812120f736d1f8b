"""The report's section on the data: what `prepare` wrote down, as a few small tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hostcast.evaluation.figures.style import split_unit

__all__ = ["data_facts"]

_SERVERS_SHOWN = 8


def data_facts(quality: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows of the data-quality report (see `hostcast.telemetry.quality`).

    Returns:
        source, files, span (first, last), rows, steps, missing_steps, servers (count), left_out,
        columns (one row per column), treatments, gappy (servers with the most missing steps).
    """
    rows = quality["rows"]
    servers = quality["servers"]
    gappy = sorted(
        (entry for entry in servers if entry["observed"] < entry["steps"]),
        key=lambda entry: (entry["observed"] - entry["steps"], entry["name"]),
    )
    return {
        "simulated": quality["source"] == "simulate",
        "files": len(quality["files"]),
        "span": quality["span"],
        "read": rows["read"],
        "steps": rows["grid_steps"],
        "missing_steps": rows["missing_steps"],
        "servers": len(servers),
        "left_out": quality["left_out"],
        "columns": [
            {"name": split_unit(name)[0], "unit": split_unit(name)[1], **facts}
            for name, facts in quality["columns"].items()
            if facts.get("min") is not None
        ],
        "treatments": quality["treatments"],
        "gappy": gappy[:_SERVERS_SHOWN],
        "more_gappy": max(0, len(gappy) - _SERVERS_SHOWN),
    }

"""The report's section on the data: what `prepare` wrote down, as a few small tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hostcast.drawing import split_unit

__all__ = ["data_facts"]

_SERVERS_SHOWN = 8
_EXAMPLES_SHOWN = 5


def data_facts(quality: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows of the data-quality report (see `hostcast.telemetry.quality`).

    Returns:
        source, files, span (first, last), rows, steps, missing_steps, servers (count), left_out,
        columns (one row per column), treatments (issue, treatment, count, where: up to five places,
        more: number of further ones), gappy (servers with the most missing steps).
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
        "treatments": _grouped(quality["treatments"]),
        "gappy": gappy[:_SERVERS_SHOWN],
        "more_gappy": max(0, len(gappy) - _SERVERS_SHOWN),
    }


def _grouped(treatments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per issue and treatment, in the order of their first occurrence."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in treatments:
        key = (entry["issue"], entry["treatment"])
        group = groups.setdefault(key, {"issue": key[0], "treatment": key[1], "count": 0, "where": {}})
        group["count"] += entry["count"]
        place = tuple(entry[field] for field in ("file", "server", "column") if entry.get(field) is not None)
        if place:
            group["where"][place] = None
    return [
        {
            **group,
            "where": list(group["where"])[:_EXAMPLES_SHOWN],
            "more": max(0, len(group["where"]) - _EXAMPLES_SHOWN),
        }
        for group in groups.values()
    ]

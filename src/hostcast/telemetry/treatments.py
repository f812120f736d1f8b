"""Each kind of fault that was met, and what was done about it, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hostcast.telemetry.cleaning import LARGEST
from hostcast.telemetry.selection import LeftOut

__all__ = ["treatments"]

_MERGED = {
    "exact_duplicates": ("row repeated with the same server, time and values", "kept once"),
    "conflicting_duplicates": (
        "rows of the same server and time with differing values",
        "replaced by the mean of the valid values",
    ),
    "same_step": (
        "several rows of a server within one step",
        "put at the step's start and replaced by the mean of the valid values",
    ),
}
_DROPPED = {
    "ambiguous_local_time": (
        "local time that the clock showed twice, as it was put back",
        "row dropped: its instant is unknown; write timestamps with their offset to keep it",
    ),
    "nonexistent_local_time": (
        "local time that no clock showed, as it was put forward",
        "row dropped: check prepare.timezone, or write timestamps with their offset",
    ),
    "without_valid_value": ("row without one valid value", "dropped; its step counts as missing"),
}


def treatments(
    *,
    rows: Mapping[str, Any],
    columns: Mapping[str, Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
    left_out: Sequence[LeftOut],
    sparse: Mapping[str, int],
    out_of_order: int,
) -> list[dict[str, Any]]:
    """List what occurred: issue, treatment, count, and the column or server where there is one."""
    listed: list[dict[str, Any]] = []

    def add(issue: str, treatment: str, count: int, **where: str) -> None:
        if count:
            listed.append({"issue": issue, "treatment": treatment, "count": count, **where})

    add("row that comes after a later row of its server", "sorted by time", out_of_order)
    for reason, (issue, treatment) in _MERGED.items():
        add(issue, treatment, rows["merged"].get(reason, 0))
    for reason, (issue, treatment) in _DROPPED.items():
        add(issue, treatment, rows["dropped"].get(reason, 0))
    for name, column in columns.items():
        if column["role"] == "static":
            add(
                "missing static value",
                "taken from the server's other rows",
                column["missing_as_read"],
                column=name,
            )
            continue
        for kind, count in column["missing_as_read"].items():
            add(f"value given as missing ({kind})", "missing", count, column=name)
        add(
            f"infinite value, or one beyond {LARGEST:g}, which float32 can't square",
            "counted as missing",
            column["infinite"],
            column=name,
        )
        add("value outside prepare.ranges", "counted as missing", column["out_of_range"], column=name)
    add("step without an observation", "kept as missing, not filled in", rows["missing_steps"])
    for server in servers:
        for name in server["constant"]:
            add("column constant on a server", "kept", 1, column=name, server=server["name"])
        for name in server["wholly_missing"]:
            add("column without a valid value on a server", "kept", 1, column=name, server=server["name"])
    for name, steps in sparse.items():
        add(
            f"server observed only every {steps} steps",
            "kept, the steps between are missing; a longer base.freq would close them",
            1,
            server=name,
        )
    for gone in left_out:
        add(gone.reason, "server left out", 1, server=gone.name)
    return listed

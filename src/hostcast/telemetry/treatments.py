"""Each kind of fault that was met, and what was done about it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hostcast.telemetry.faults import FAULTS, LEFT_OUT, MISSING
from hostcast.telemetry.instants import NO_ZONE
from hostcast.telemetry.selection import LeftOut

__all__ = ["treatments"]

# a fleet's servers needn't begin and end at the very same step
_DAY = np.timedelta64(1, "D")


def treatments(
    *,
    rows: Mapping[str, Any],
    columns: Mapping[str, Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
    left_out: Sequence[LeftOut],
    files: Sequence[Mapping[str, Any]],
    skipped_files: Sequence[Mapping[str, str]],
    timestamps: Mapping[str, int],
    renamed: Mapping[str, int],
    overlap: Mapping[str, int],
    sparse: Mapping[str, int],
    suspects: Iterable[tuple[str, str, str]],
    out_of_order: int,
    off_step: int,
) -> list[dict[str, Any]]:
    """List what occurred: fault (see `FAULTS`), issue, treatment, count, and where there is one to name
    the file, column or server.
    """
    listed: list[dict[str, Any]] = []

    def add(fault: str, count: int, detail: str = "", **where: str) -> None:
        if count:
            issue, treatment = FAULTS[fault]
            words = {"issue": issue.format(detail=detail), "treatment": treatment}
            listed.append({"fault": fault, **words, "count": count, **where})

    for file in skipped_files:
        add("skipped_file", 1, file["reason"], file=file["name"])
    for file in files:
        if file["encoding"] not in (None, "utf-8"):
            add("other_encoding", 1, file["encoding"], file=file["name"])
        for name in file["lacks"]:
            add("column_lacking_in_file", int(file["rows"]), column=name, file=file["name"])
    without_zone = timestamps.get(NO_ZONE, 0)
    if without_zone < sum(timestamps.values()):
        add("mixed_zones", without_zone)
    numeric = [timestamps[unit] for unit in ("s", "ms", "us", "ns") if unit in timestamps]
    if len(numeric) > 1:
        add("mixed_epoch_units", sum(numeric))
    add("out_of_order", out_of_order)
    add("off_step", off_step)
    for name, count in sorted(renamed.items()):
        add("renamed_server", count, server=name)
    for name, count in sorted(overlap.items()):
        add("renamed_overlap", count, server=name)
    for reason, count in (*rows["merged"].items(), *rows["dropped"].items()):
        if reason != LEFT_OUT:
            add(reason, count)
    for name, column in columns.items():
        _of_column(name, column, add)
    add("missing_step", rows["missing_steps"])
    for server in servers:
        for name in server["constant"]:
            add("constant", 1, column=name, server=server["name"])
        for name in server["wholly_missing"]:
            add("wholly_missing", 1, column=name, server=server["name"])
    _of_spans(servers, add)
    for name, steps in sparse.items():
        add("sparse", 1, str(steps), server=name)
    for server_name, column_name, kind in suspects:
        add(f"suspicious_{kind}", 1, server=server_name, column=column_name)
    for gone in left_out:
        add(LEFT_OUT, 1, gone.reason, server=gone.name)
    return listed


def _of_column(name: str, column: Mapping[str, Any], add: Any) -> None:
    if column["role"] == "static":
        add("missing_static", column["missing_as_read"], column=name)
        return
    for kind, count in column["missing_as_read"].items():
        if kind in MISSING:
            add(MISSING[kind], count, kind, column=name)
    add("decimal_comma", column["decimal_commas"], column=name)
    for kind, count in column["counter"].items():
        add(kind, count, column=name)
    add("infinite", column["infinite"], column=name)
    add("below_range", column["below_range"], column=name)
    add("above_range", column["out_of_range"] - column["below_range"], column=name)


def _of_spans(servers: Sequence[Mapping[str, Any]], add: Any) -> None:
    first = np.array([server["first"].removesuffix("Z") for server in servers], "M8[us]")
    last = np.array([server["last"].removesuffix("Z") for server in servers], "M8[us]")
    for position in np.flatnonzero(first - first.min() > _DAY).tolist():
        add("joined_late", 1, server=servers[position]["name"])
    for position in np.flatnonzero(last.max() - last > _DAY).tolist():
        add("gone_early", 1, server=servers[position]["name"])

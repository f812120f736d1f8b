"""The data-quality report: what came in, what was done about its faults, what went out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.telemetry.cleaning import Cleaned
from hostcast.telemetry.grid import Grid
from hostcast.telemetry.observations import Observations
from hostcast.telemetry.renaming import Renamed
from hostcast.telemetry.selection import LeftOut, Selection
from hostcast.telemetry.treatments import treatments
from hostcast.telemetry.wanted import TIMESTAMP, Wanted

__all__ = ["quality_report"]


def quality_report(
    *,
    origin: Mapping[str, Any],
    freq: str,
    wanted: Wanted,
    rows: Observations,
    renamed: Renamed,
    cleaned: Cleaned,
    selection: Selection,
    grid: Grid,
    sparse: Mapping[int, int],
) -> dict[str, Any]:
    """Put the report together; JSON-able, and in a fixed order.

    Args:
        origin: where the rows come from (source, files, ignored files).
        sparse: server code -> typical distance of its observations in steps, where above 1.
    """
    stamps = grid.frame[TIMESTAMP]
    columns = _columns(wanted, rows, cleaned, grid)
    totals = _rows(rows, cleaned, selection, grid)
    servers = _servers(wanted, grid)
    kept = set(selection.kept)
    left_out = [
        *selection.left_out,
        *(
            LeftOut(name, "all its rows lie after prepare.not_after", 0)
            for name in sorted(set(rows.too_late) - set(rows.names))
        ),
    ]
    return {
        **origin,
        "freq": freq,
        "span": {"first": _iso(stamps.min()), "last": _iso(stamps.max())},
        "rows": totals,
        "servers": servers,
        "left_out": [asdict(server) for server in left_out],
        "timestamps": dict(sorted(rows.notations.items())),
        "columns": columns,
        "treatments": treatments(
            rows=totals,
            columns=columns,
            servers=servers,
            left_out=left_out,
            files=origin["files"],
            skipped_files=origin["skipped_files"],
            timestamps=rows.notations,
            renamed=renamed,
            sparse={rows.names[code]: steps for code, steps in sparse.items() if code in kept},
            suspects=[
                (rows.names[suspect.server], wanted.metrics[suspect.metric], suspect.kind)
                for suspect in cleaned.suspects
                if suspect.server in kept
            ],
            out_of_order=cleaned.out_of_order,
            off_step=cleaned.off_step,
        ),
    }


def _rows(rows: Observations, cleaned: Cleaned, selection: Selection, grid: Grid) -> dict[str, Any]:
    """Every row read is an observation, merged into one, or dropped."""
    dropped = rows.dropped + cleaned.dropped
    left_out = Counter(server_left_out=sum(server.observed for server in selection.left_out))
    observations, steps = int(grid.observed.sum()), int(grid.length.sum())
    return {
        "read": rows.read,
        "observations": observations,
        "merged": dict(sorted((+cleaned.merged).items())),
        "dropped": dict(sorted((+(dropped + left_out)).items())),
        "grid_steps": steps,
        "missing_steps": steps - observations,
    }


def _servers(wanted: Wanted, grid: Grid) -> list[dict[str, Any]]:
    stamps = grid.frame[TIMESTAMP]
    report = []
    for position, name in enumerate(grid.names):
        first = int(grid.start[position])
        last = first + int(grid.length[position]) - 1
        own = grid.values[first : last + 1]
        missing = np.isnan(own).mean(axis=0)
        report.append(
            {
                "name": name,
                "first": _iso(stamps.iloc[first]),
                "last": _iso(stamps.iloc[last]),
                "steps": int(grid.length[position]),
                "observed": int(grid.observed[position]),
                "missing": {
                    target: round(float(share), 6)
                    for target, share in zip(wanted.targets, missing, strict=False)
                },
                "longest_gap": int(grid.longest_gap[position]),
                "constant": _constant(own, wanted.metrics),
                "wholly_missing": [
                    metric for metric, share in zip(wanted.metrics, missing, strict=True) if share == 1
                ],
            }
        )
    return report


def _constant(values: npt.NDArray[np.float32], metrics: Sequence[str]) -> list[str]:
    constant = []
    for position, name in enumerate(metrics):
        column = values[:, position]
        column = column[~np.isnan(column)]
        if len(column) and column.min() == column.max():
            constant.append(name)
    return constant


def _columns(wanted: Wanted, rows: Observations, cleaned: Cleaned, grid: Grid) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for position, name in enumerate(wanted.metrics):
        column = grid.values[:, position]
        valid = column[~np.isnan(column)].astype(np.float64)
        some = len(valid) > 0
        report[name] = {
            "source_column": wanted.source_names[name],
            "role": "target" if name in wanted.targets else "covariate",
            "min": _short(valid.min()) if some else None,
            "max": _short(valid.max()) if some else None,
            "mean": _short(valid.mean()) if some else None,
            "missing": len(column) - len(valid),
            "missing_share": round(1 - len(valid) / len(column), 6),
            "missing_as_read": dict(sorted((+rows.missing[name]).items())),
            "infinite": cleaned.infinite[name],
            "out_of_range": cleaned.out_of_range[name],
            "below_range": cleaned.below_range[name],
            "decimal_commas": rows.commas[name],
            "counter": dict(sorted(cleaned.counters[name].items())) if name in cleaned.counters else None,
        }
    for name in wanted.static:
        report[name] = {
            "source_column": wanted.source_names[name],
            "role": "static",
            "values": {str(value): int(count) for value, count in _per_value(grid, name)},
            "missing_as_read": int((rows.static[name][1] < 0).sum()),
        }
    return report


def _per_value(grid: Grid, name: str) -> list[tuple[str, int]]:
    """How many servers have each value of a static column."""
    return sorted(Counter(grid.frame[name].iloc[grid.start].tolist()).items())


def _short(number: float) -> float:
    # float32 carries seven digits; more would be noise
    return float(f"{number:.7g}")


def _iso(stamp: pd.Timestamp) -> str:
    return stamp.tz_localize(None).isoformat() + "Z"

"""The data-quality report: what came in, what was done about its faults, what went out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from hostcast.telemetry.counters import KINDS
from hostcast.telemetry.grid import Grid
from hostcast.telemetry.selection import Selection
from hostcast.telemetry.survey import Survey
from hostcast.telemetry.treatments import treatments
from hostcast.telemetry.units import counter_key
from hostcast.telemetry.wanted import Wanted

__all__ = ["quality_report"]


def quality_report(
    *,
    origin: Mapping[str, Any],
    freq: str,
    wanted: Wanted,
    survey: Survey,
    counts: Mapping[str, Counter[str]],
    selection: Selection,
    grid: Grid,
    overlap: Mapping[str, int],
    suspects: Iterable[tuple[str, str, str]],
    sparse: Mapping[str, int],
) -> dict[str, Any]:
    """Put the report together; JSON-able, and in a fixed order.

    Args:
        origin: where the rows come from (source, files, ignored files).
        survey: of all rows.
        counts: what adds up over units, see `UnitFacts`.
        overlap: steps in which renamed servers met, by old name.
        suspects: server, metric and kind, see `Suspects`.
        sparse: server -> typical distance of its observations in steps, where above 1.
    """
    columns = _columns(wanted, survey, counts, grid)
    totals = _rows(survey, counts, selection, grid)
    servers = _servers(wanted, grid)
    kept = set(selection.kept)
    return {
        **origin,
        "freq": freq,
        "span": {
            "first": min(server["first"] for server in servers),
            "last": max(server["last"] for server in servers),
        },
        "rows": totals,
        "servers": servers,
        "left_out": [asdict(server) for server in selection.left_out],
        "timestamps": dict(sorted(survey.notations.items())),
        "columns": columns,
        "treatments": treatments(
            rows=totals,
            columns=columns,
            servers=servers,
            left_out=selection.left_out,
            files=origin["files"],
            skipped_files=origin["skipped_files"],
            timestamps=survey.notations,
            renamed=survey.aliases.rows,
            overlap=overlap,
            sparse=sparse,
            suspects=[entry for entry in suspects if entry[0] in kept],
            out_of_order=sum(rows.out_of_order for rows in survey.servers.values()),
            off_step=counts["off_step"]["off_step"],
        ),
    }


def _rows(
    survey: Survey, counts: Mapping[str, Counter[str]], selection: Selection, grid: Grid
) -> dict[str, Any]:
    """Every row read is an observation, merged into one, or dropped."""
    dropped = survey.dropped + counts["dropped"]
    left_out = Counter(server_left_out=sum(server.observed for server in selection.left_out))
    observations, steps = int(grid.observed.sum()), int(grid.layout.rows.sum())
    return {
        "read": survey.read,
        "observations": observations,
        "merged": dict(sorted((+counts["merged"]).items())),
        "dropped": dict(sorted((+(dropped + left_out)).items())),
        "grid_steps": steps,
        "missing_steps": steps - observations,
    }


def _servers(wanted: Wanted, grid: Grid) -> list[dict[str, Any]]:
    layout, sums = grid.layout, grid.sums
    constant = (sums.valid > 0) & (sums.low == sums.high)
    report = []
    for place, name in enumerate(layout.servers):
        steps = int(layout.rows[place])
        first, last = layout.micros(place, 0, 1)[0], layout.micros(place, steps - 1, 1)[0]
        report.append(
            {
                "name": name,
                "first": _iso(int(first)),
                "last": _iso(int(last)),
                "steps": steps,
                "observed": int(grid.observed[place]),
                "missing": {
                    target: round((steps - valid) / steps, 6)
                    for target, valid in zip(wanted.targets, sums.valid[place].tolist(), strict=False)
                },
                "longest_gap": int(grid.longest_gap[place]),
                "constant": _where(wanted, constant[place].tolist()),
                "wholly_missing": _where(wanted, (sums.valid[place] == 0).tolist()),
            }
        )
    return report


def _where(wanted: Wanted, mask: list[bool]) -> list[str]:
    return [metric for metric, so in zip(wanted.metrics, mask, strict=True) if so]


def _columns(
    wanted: Wanted, survey: Survey, counts: Mapping[str, Counter[str]], grid: Grid
) -> dict[str, Any]:
    report: dict[str, Any] = {}
    steps = int(grid.layout.rows.sum())
    for position, name in enumerate(wanted.metrics):
        valid = int(grid.sums.valid[:, position].sum())
        some = valid > 0
        report[name] = {
            "source_column": wanted.source_names[name],
            "role": "target" if name in wanted.targets else "covariate",
            "min": _short(grid.sums.low[:, position].min()) if some else None,
            "max": _short(grid.sums.high[:, position].max()) if some else None,
            "mean": _short(grid.sums.total[:, position].sum() / valid) if some else None,
            "missing": steps - valid,
            "missing_share": round(1 - valid / steps, 6),
            "missing_as_read": dict(sorted((+survey.missing[name]).items())),
            "infinite": counts["infinite"][name],
            "out_of_range": counts["out_of_range"][name],
            "below_range": counts["below_range"][name],
            "decimal_commas": survey.commas[name],
            "counter": {
                kind: counts["counters"][counter_key(name, kind)]
                for kind in KINDS
                if counts["counters"][counter_key(name, kind)]
            },
        }
    for name in wanted.static:
        report[name] = {
            "source_column": wanted.source_names[name],
            "role": "static",
            "values": dict(sorted(Counter(grid.static[name]).items())),
            "missing_as_read": survey.static_missing[name],
        }
    return report


def _short(number: float) -> float:
    # float32 carries seven digits; more would be noise
    return float(f"{number:.7g}")


def _iso(micros: int) -> str:
    return pd.Timestamp(micros, unit="us").isoformat() + "Z"

"""Training span and newer telemetry side by side, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hostcast.account import Histogram, Reference
from hostcast.drift.psi import psi
from hostcast.drift.recent import Recent
from hostcast.drift.verdict import verdict
from hostcast.params import DriftParams
from hostcast.params.lengths import length_of

__all__ = ["compare"]


@dataclass(frozen=True)
class _Pair:
    """A column then and now."""

    then: Histogram
    now: Histogram

    def index(self, least: int) -> float | None:
        """The population stability index; None if either side has too few values to tell."""
        if min(self.then.values, self.now.values) < least:
            return None
        value = psi(self.then.counts, self.now.counts)
        return None if math.isnan(value) else round(value, 6)

    def facts(self, least: int) -> dict[str, Any]:
        return {
            "psi": self.index(least),
            "mean_then": _short(self.then.mean),
            "mean_now": _short(self.now.mean),
            "values_then": self.then.values,
            "values_now": self.now.values,
            "missing_then": _share(self.then.missing_share),
            "missing_now": _share(self.now.missing_share),
        }


def compare(reference: Reference, recent: Recent, settings: DriftParams) -> dict[str, Any]:
    """The drift report; JSON-able, and in a fixed order.

    Args:
        reference: the training span.
        recent: newer telemetry.
        settings: limits, which decide nothing but what is pointed out.
    """
    servers = _servers(reference, recent, settings)
    report: dict[str, Any] = {
        "reference": {
            "first": _iso(reference.first),
            "last": _iso(reference.end - reference.step_micros),
            "servers": len(reference.servers),
            "steps": sum(server.steps for server in reference.servers.values()),
        },
        "recent": {
            "first": _iso(recent.first),
            "last": _iso(recent.last),
            "servers": sum(server.steps > 0 for server in recent.servers.values()),
            "steps": sum(server.steps for server in recent.servers.values()),
        },
        "age_days": round((recent.last + reference.step_micros - reference.end) / 86_400e6, 6),
        "limits": settings.model_dump(mode="json"),
        "columns": _columns(reference, recent, servers, settings),
        "servers": servers,
    }
    return {**verdict(report, settings), **report}


def _columns(
    reference: Reference, recent: Recent, servers: list[dict[str, Any]], settings: DriftParams
) -> dict[str, Any]:
    found = {}
    for name in reference.columns:
        own = [server["psi"][name] for server in servers if server["psi"].get(name) is not None]
        found[name] = {
            **_Pair(reference.fleet[name], recent.fleet[name]).facts(settings.min_values),
            "servers_compared": len(own),
            "servers_drifted": sum(value >= settings.psi for value in own),
        }
    return found


def _servers(reference: Reference, recent: Recent, settings: DriftParams) -> list[dict[str, Any]]:
    """Each server of either side, by name."""
    silent = length_of(settings.silent_after) // pd.Timedelta(1, "us")
    listed = []
    for name in sorted({*reference.servers, *recent.servers}):
        known, seen = reference.servers.get(name), recent.servers.get(name)
        # of a server that newer telemetry does not hold at all, the training span saw the last
        last = seen.last if seen is not None else known.end - reference.step_micros if known else 0
        behind = recent.last - last
        columns = {} if seen is None or not seen.steps else seen.columns
        listed.append(
            {
                "name": name,
                "new": known is None and name not in reference.held_out,
                "gone": known is not None and not columns,
                "silent": behind > silent,
                "last_seen": _iso(last),
                "behind_steps": behind // reference.step_micros,
                "missing_then": _missing({} if known is None else known.columns),
                "missing_now": _missing(columns),
                "psi": {}
                if known is None
                else {
                    column: _Pair(known.columns[column], own).index(settings.min_values)
                    for column, own in columns.items()
                },
            }
        )
    return listed


def _missing(columns: Mapping[str, Histogram]) -> dict[str, float | None]:
    return {name: _share(own.missing_share) for name, own in columns.items()}


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _short(number: float | None) -> float | None:
    # sums of single-precision numbers carry seven digits at best
    return None if number is None else float(f"{number:.7g}")


def _iso(micros: int) -> str:
    return pd.Timestamp(micros, unit="us").isoformat() + "Z"

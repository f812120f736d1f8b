"""Whether a model needs to be trained anew, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from hostcast.params import DriftParams
from hostcast.params.lengths import length_of

__all__ = ["verdict"]

_NAMED = 3


def verdict(report: Mapping[str, Any], settings: DriftParams) -> dict[str, Any]:
    """Hold a comparison against the limits.

    What a new training would cure is a reason for one. Missing values and silent servers are warnings:
    whoever collects the telemetry needs to look at them first, and a model trained on them learns nothing
    better.

    Args:
        report: see `compare`.
        settings: the limits.

    Returns:
        retrain (bool), reasons (each enough to retrain) and warnings.
    """
    reasons: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []

    def hold(kind: str, value: float, limit: float, text: str, column: str | None = None) -> None:
        entry = {"kind": kind, "column": column, "value": value, "limit": limit, "text": text}
        (reasons if kind in _CURED else warnings).append(entry)

    for name, column in report["columns"].items():
        rise = column["missing_now"] - column["missing_then"]
        if rise > settings.missing_rise:
            hold("missing", round(rise, 6), settings.missing_rise, f"{name}: more of it is missing", name)
        index = column["psi"]
        if index is None:
            values = min(column["values_then"], column["values_now"])
            hold("too_few_values", values, settings.min_values, f"{name}: too few values to compare", name)
            continue
        if index >= settings.psi:
            hold("drift", index, settings.psi, f"{name}: its values are distributed otherwise", name)
        elif index >= settings.psi_watch:
            hold("watch", index, settings.psi_watch, f"{name}: its values begin to shift", name)
        share = column["servers_drifted"] / max(column["servers_compared"], 1)
        if share > settings.drifted_servers:
            many = f"{column['servers_drifted']} of {column['servers_compared']} servers"
            hold("server_drift", round(share, 6), settings.drifted_servers, f"{name}: {many} changed", name)
    _of_servers(report, settings, hold)
    limit = None if settings.max_age is None else length_of(settings.max_age) / pd.Timedelta(1, "D")
    if limit is not None and report["age_days"] > limit:
        age = f"the newest data is {report['age_days']:.1f} days past the training span"
        hold("age", report["age_days"], limit, age)
    return {"retrain": bool(reasons), "reasons": reasons, "warnings": warnings}


# what a new training is a cure for
_CURED = frozenset({"drift", "server_drift", "new_servers", "age"})


def _of_servers(report: Mapping[str, Any], settings: DriftParams, hold: Any) -> None:
    servers = report["servers"]
    new = [server["name"] for server in servers if server["new"] and server["missing_now"]]
    share = len(new) / max(report["recent"]["servers"], 1)
    if share > settings.new_servers:
        hold(
            "new_servers",
            round(share, 6),
            settings.new_servers,
            f"{len(new)} server(s) were not in the training span: {_names(new)}",
        )
    silent = [server["name"] for server in servers if server["silent"]]
    if silent:
        text = f"{len(silent)} server(s) have fallen silent: {_names(silent)}"
        hold("silent_servers", len(silent), 0, text)


def _names(names: list[str]) -> str:
    shown = ", ".join(map(_short, names[:_NAMED]))
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _short(name: str) -> str:
    text = ascii(name)[1:-1] if not name.isprintable() else name
    return text if len(text) <= 60 else f"{text[:60]}..."

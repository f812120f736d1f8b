"""The report's section on drift: what `hostcast.drift` found, as a sentence and a few small tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hostcast.drawing import split_unit

__all__ = ["drift_facts"]

_PAIRS_SHOWN = 8
_NAMES_SHOWN = 10


def drift_facts(drift: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows of the drift report (see `hostcast.drift.compare`).

    Returns:
        sentence, notes (reasons, then warnings), reference and recent (first, last), age_days, columns,
        worst (the pairs of server and metric with the highest index), groups (new, gone and silent
        servers: words, names, more).
    """
    limits = drift["limits"]
    return {
        "sentence": _sentence(drift),
        "notes": [
            {
                "text": f"{entry['text']} ({_plain(entry['value'])}, limit {_plain(entry['limit'])})",
                "cured": kind == "reasons",
            }
            for kind in ("reasons", "warnings")
            for entry in drift[kind]
        ],
        "reference": drift["reference"],
        "recent": drift["recent"],
        "age_days": drift["age_days"],
        "columns": [
            {
                **{key: math.nan if value is None else value for key, value in column.items()},
                "name": split_unit(name)[0],
                "unit": split_unit(name)[1],
                "words": _words(column["psi"], limits),
            }
            for name, column in drift["columns"].items()
        ],
        "worst": _worst(drift, limits["psi"]),
        "groups": [
            {
                "words": words,
                "names": names[:_NAMES_SHOWN],
                "more": max(0, len(names) - _NAMES_SHOWN),
            }
            for key, words in (
                ("new", "Not in the training span"),
                ("gone", "In the training span, and not seen since"),
                ("silent", f"Silent for more than {limits['silent_after']}"),
            )
            if (names := [server["name"] for server in drift["servers"] if server[key]])
        ],
    }


def _sentence(drift: Mapping[str, Any]) -> str:
    if drift["retrain"]:
        return "The telemetry has moved away from the training data: train anew."
    if all(column["psi"] is None for column in drift["columns"].values()):
        return "There is too little telemetry to tell whether it still looks like the training data."
    return "The telemetry still looks like the training data."


def _plain(number: float) -> str:
    return f"{round(number, 3):g}"


def _words(index: float | None, limits: Mapping[str, Any]) -> str:
    if index is None:
        return "too few to tell"
    if index >= limits["psi"]:
        return "changed"
    return "shifting" if index >= limits["psi_watch"] else "alike"


def _worst(drift: Mapping[str, Any], limit: float) -> list[dict[str, Any]]:
    pairs = [
        {
            "server": server["name"],
            "name": split_unit(column)[0],
            "psi": index,
            "last_seen": server["last_seen"],
        }
        for server in drift["servers"]
        for column, index in server["psi"].items()
        if index is not None and index >= limit
    ]
    return sorted(pairs, key=lambda pair: (-pair["psi"], pair["server"]))[:_PAIRS_SHOWN]

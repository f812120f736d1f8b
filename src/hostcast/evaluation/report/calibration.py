"""The report on how sure the forecasts are: before and after calibration, and on which servers not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from hostcast.drawing import split_unit
from hostcast.evaluation.calibration import AFTER, ALL, BEFORE
from hostcast.params import CalibrationParams

__all__ = ["calibration_facts"]

_SERVERS_SHOWN = 8
_SHOWN = 0.8
_SENTENCES = {
    "conformal": "The bands of the network were made wider or narrower by what the validation span showed.",
    "adaptive": "The bands of the network were made wider or narrower by what the validation span showed, "
    "and at each forecast by what had come true on the server since then.",
}


def calibration_facts(tables: Mapping[str, pd.DataFrame], params: CalibrationParams) -> dict[str, Any]:
    """What the template shows.

    Args:
        tables: see `hostcast.evaluation.calibration_tables`.
        params: how it was calibrated.

    Returns:
        sentence (empty if nothing was calibrated), metrics (name, nominal, observed and width, and
        observed_before and width_before as the network made it) and servers (those whose 80 % band
        holds least: server, name, observed).
    """
    table = tables["calibration"]
    made = set(table["forecast"])
    final = AFTER if AFTER in made else BEFORE
    by_server = tables["calibration_by_server"]
    own = by_server[(by_server["forecast"] == final) & (by_server["nominal"] == _SHOWN)]
    worst = own.sort_values(["observed", "server", "target"], kind="stable").head(_SERVERS_SHOWN)
    return {
        "sentence": _SENTENCES[params.method] if final == AFTER else "",
        "metrics": _metrics(table, final),
        "servers": [
            {"server": row["server"], "name": split_unit(str(row["target"]))[0], "observed": row["observed"]}
            for row in worst.to_dict("records")
        ],
    }


def _metrics(table: pd.DataFrame, final: str) -> list[dict[str, Any]]:
    keys = ["target", "nominal"]
    each = table[table["target"] != ALL].set_index("forecast")
    after, before = each.loc[[final]], each.loc[[BEFORE]]
    both = after.merge(before, on=keys, suffixes=("", "_before")).sort_values("nominal", kind="stable")
    return [
        {"name": split_unit(str(row["target"]))[0], **{str(key): value for key, value in row.items()}}
        for row in both.to_dict("records")
    ]

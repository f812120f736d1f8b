"""The models side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from hostcast.evaluation.scoring import Score

__all__ = [
    "BASELINES",
    "MODEL_NAMES",
    "NOISE_FLOOR",
    "TFT",
    "best_baseline",
    "headline",
    "leaderboard",
    "pairwise",
    "skill_of",
]

TFT = "tft"
NOISE_FLOOR = "noise_floor"
BASELINES = ("last_value", "seasonal_naive")
MODEL_NAMES = {
    TFT: "TFT",
    "last_value": "last value",
    "seasonal_naive": "seasonal naive",
    NOISE_FLOOR: "noise floor",
}
_COLUMNS = ["wQL", "sQL", "MAE", "MASE", "cover80", "width80"]


def leaderboard(scores: Mapping[str, Score]) -> pd.DataFrame:
    """One row per model, in the order given.

    Returns:
        model, wQL, sQL, MAE, MASE, cover80, width80 (means over the targets, so that MAE mixes units) and
        skill: 1 - wQL / wQL of the best baseline, see `skill_of`.
    """
    table = pd.DataFrame([{"model": name, **scores[name].overall} for name in scores])
    table = table[["model", *_COLUMNS]]
    rival = scores[best_baseline(scores)].overall["wQL"]
    table["skill"] = [skill_of(scores[name].overall["wQL"], rival) for name in scores]
    return table


def skill_of(own: float, rival: float) -> float:
    """1 - own / rival, of two errors.

    A rival without any error leaves 0 for one that has none either and -inf for all others; NaN where an
    error is unknown.
    """
    if rival:
        return 1.0 - own / rival
    if math.isnan(own):
        return math.nan
    return -math.inf if own else 0.0


def best_baseline(scores: Mapping[str, Score]) -> str:
    """The baseline with the lowest wQL; at a tie the simpler one."""
    return min(BASELINES, key=lambda name: (_or_infinite(scores[name].overall["wQL"]), BASELINES.index(name)))


def headline(scores: Mapping[str, Score]) -> dict[str, float]:
    """The numbers that sum an experiment up; one that can't be computed is left out, as JSON has no NaN."""
    own = scores[TFT].overall
    numbers = {name: own[name] for name in ("wQL", "sQL", "MASE", "cover80", "width80")}
    for name in BASELINES:
        numbers[f"wQL_{name}"] = scores[name].overall["wQL"]
    numbers["skill"] = skill_of(own["wQL"], scores[best_baseline(scores)].overall["wQL"])
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def pairwise(scores: Mapping[str, Score]) -> pd.DataFrame:
    """The TFT on each server and target, against the better baseline there.

    Returns:
        server, target, sQL, MAE, cover80, rows, skill (1 - loss / loss of the better baseline there; -inf
        where that baseline alone is without any error), by rising skill; only pairs with an actual.
    """
    keys = ["server", "target"]
    table = scores[TFT].by_server.set_index(keys)
    others = pd.concat([scores[name].by_server.set_index(keys)["wQL"] for name in BASELINES], axis=1)
    best = others.min(axis=1)
    # both are divided by the same sum of |actual|, which cancels
    skill = 1.0 - table["wQL"] / best
    table["skill"] = skill.mask((best == 0) & (table["wQL"] == 0), 0.0)
    table = table[table["rows"] > 0].reset_index()
    table = table[[*keys, "sQL", "MAE", "cover80", "rows", "skill"]]
    return table.sort_values(["skill", *keys], kind="stable", ignore_index=True)


def _or_infinite(value: float) -> float:
    return value if math.isfinite(value) else math.inf

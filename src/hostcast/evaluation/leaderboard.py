"""The models side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from hostcast.evaluation.bootstrap import Resampled
from hostcast.evaluation.scoring import Score
from hostcast.params import BaselineName

__all__ = [
    "BASELINES",
    "MODEL_NAMES",
    "NOISE_FLOOR",
    "TFT",
    "baselines_among",
    "best_baseline",
    "best_baselines",
    "headline",
    "leaderboard",
    "pairwise",
    "skill_of",
]

TFT = "tft"
NOISE_FLOOR = "noise_floor"
# the simplest first
BASELINES: tuple[BaselineName, ...] = ("last_value", "seasonal_naive", "theta", "lightgbm")
MODEL_NAMES = {
    TFT: "TFT",
    "last_value": "last value",
    "seasonal_naive": "seasonal naive",
    "theta": "Theta",
    "lightgbm": "LightGBM",
    NOISE_FLOOR: "noise floor",
}
_COLUMNS = ["wQL", "sQL", "MAE", "MASE", "cover80", "width80"]


def baselines_among(names: Iterable[str]) -> list[BaselineName]:
    """The baselines among the names of models, the simplest first."""
    given = set(names)
    return [name for name in BASELINES if name in given]


def leaderboard(scores: Mapping[str, Score], resampled: Resampled) -> pd.DataFrame:
    """One row per model, in the order given.

    Returns:
        model, wQL, sQL, MAE, MASE, cover80, width80 (means over the targets, so that MAE mixes units),
        skill: 1 - wQL / wQL of the best baseline, see `skill_of`; and the intervals wQL_low, wQL_high,
        skill_low, skill_high, see `hostcast.evaluation.bootstrap`, NaN where unknown.
    """
    table = pd.DataFrame([{"model": name, **scores[name].overall} for name in scores])
    table = table[["model", *_COLUMNS]]
    rival = best_baseline(scores)
    level = scores[rival].overall["wQL"]
    table["skill"] = [skill_of(scores[name].overall["wQL"], level) for name in scores]
    table[["wQL_low", "wQL_high"]] = [resampled.bounds(name) for name in scores]
    table[["skill_low", "skill_high"]] = [resampled.skill_bounds(name, rival) for name in scores]
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


def best_baselines(scores: Mapping[str, Score]) -> list[BaselineName]:
    """The baselines by rising wQL; at a tie the simpler one first."""
    return sorted(baselines_among(scores), key=lambda name: _or_infinite(scores[name].overall["wQL"]))


def best_baseline(scores: Mapping[str, Score]) -> BaselineName:
    """The first of `best_baselines`."""
    return best_baselines(scores)[0]


def headline(scores: Mapping[str, Score], resampled: Resampled) -> dict[str, float]:
    """The numbers that sum an experiment up; one that can't be computed is left out, as JSON has no NaN."""
    own = scores[TFT].overall
    numbers = {name: own[name] for name in ("wQL", "sQL", "MASE", "cover80", "width80")}
    for name in baselines_among(scores):
        numbers[f"wQL_{name}"] = scores[name].overall["wQL"]
    rival = best_baseline(scores)
    numbers["skill"] = skill_of(own["wQL"], scores[rival].overall["wQL"])
    numbers["skill_low"], numbers["skill_high"] = resampled.skill_bounds(TFT, rival)
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def pairwise(scores: Mapping[str, Score]) -> pd.DataFrame:
    """The TFT on each server and target, against the best baseline there.

    Returns:
        server, target, sQL, MAE, cover80, rows, skill (1 - loss / loss of the best baseline there; -inf
        where that baseline alone is without any error), by rising skill; only pairs with an actual.
    """
    keys = ["server", "target"]
    table = scores[TFT].by_server.set_index(keys)
    others = pd.concat(
        [scores[name].by_server.set_index(keys)["wQL"] for name in baselines_among(scores)], axis=1
    )
    best = others.min(axis=1)
    # both are divided by the same sum of |actual|, which cancels
    skill = 1.0 - table["wQL"] / best
    table["skill"] = skill.mask((best == 0) & (table["wQL"] == 0), 0.0)
    table = table[table["rows"] > 0].reset_index()
    table = table[[*keys, "sQL", "MAE", "cover80", "rows", "skill"]]
    return table.sort_values(["skill", *keys], kind="stable", ignore_index=True)


def _or_infinite(value: float) -> float:
    return value if math.isfinite(value) else math.inf

"""Scores on servers that the model was not trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from hostcast.evaluation.leaderboard import TFT
from hostcast.evaluation.metrics import TINY
from hostcast.evaluation.scoring import Score

__all__ = ["unseen_headline", "unseen_table"]

ALL = "all"


def unseen_table(scores: Mapping[str, Score], held_out: Sequence[str]) -> pd.DataFrame:
    """One row per model, group of servers and target (or `all`, their mean).

    Args:
        scores: of all models.
        held_out: servers that were held out of training.

    Returns:
        model, servers (`unseen`: held out, `seen`: the others), target, wQL, MAE, cover80, rows; wQL relative
        to the mean |actual| of the group.
    """
    tables = []
    for model, score in scores.items():
        rows = score.rows
        group = rows["server"].isin(held_out).map({True: "unseen", False: "seen"})
        actual = rows["actual"].astype("float64")
        parts = pd.DataFrame(
            {
                "servers": group,
                "target": rows["target"],
                "loss": rows["loss"],
                "size": actual.abs(),
                "MAE": (actual - rows["q0.5"]).abs(),
                "cover80": ((actual >= rows["q0.1"]) & (actual <= rows["q0.9"])).astype("float64"),
            }
        )
        grouped = parts.groupby(["servers", "target"], sort=True)
        means = grouped.mean()
        means["wQL"] = means["loss"] / means["size"].clip(lower=TINY)
        means["rows"] = grouped.size()
        own = means.reset_index()
        # over all targets MAE would mix units
        total = own.groupby("servers", sort=True).agg({"wQL": "mean", "cover80": "mean", "rows": "sum"})
        tables += [own.assign(model=model), total.assign(model=model, target=ALL).reset_index()]
    columns = ["model", "servers", "target", "wQL", "MAE", "cover80", "rows"]
    return pd.concat(tables, ignore_index=True)[columns]


def unseen_headline(table: pd.DataFrame) -> dict[str, float]:
    """The model's wQL on unseen servers; nothing where none of them has an actual."""
    # last, as a target may be called like the mean
    own = table[(table["model"] == TFT) & (table["servers"] == "unseen") & (table["target"] == ALL)]["wQL"]
    return {"wQL_unseen": float(own.iloc[-1])} if len(own) and math.isfinite(own.iloc[-1]) else {}

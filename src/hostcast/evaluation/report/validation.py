"""The report's sections on walk-forward folds and on unseen servers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hostcast.evaluation.leaderboard import MODEL_NAMES

if TYPE_CHECKING:
    from hostcast.evaluation.evaluate import Evaluation

__all__ = ["fold_facts", "unseen_facts"]

_NAMES_SHOWN = 20


def fold_facts(evaluation: Evaluation) -> dict[str, Any] | None:
    """The table `folds`; mean, spread (None of a single fold) and the test span's wQL. None without folds."""
    if "folds_summary" not in evaluation.tables:
        return None
    summary = evaluation.tables["folds_summary"].set_index("measure")
    mean, spread, test = (float(summary[name].to_dict()["wQL"]) for name in ("mean", "spread", "test"))
    return {
        "rows": [{"skill": math.nan, **row} for row in evaluation.tables["folds"].to_dict("records")],
        "mean": mean,
        "spread": spread if math.isfinite(spread) else None,
        "test": test,
    }


def unseen_facts(evaluation: Evaluation) -> dict[str, Any] | None:
    """Names of unseen servers; scores of each model on them and on the others. None where all were seen."""
    if "unseen" not in evaluation.tables:
        return None
    table = evaluation.tables["unseen"]
    # last, as a target may be called like the mean
    means = table[table["target"] == "all"].drop_duplicates(["model", "servers"], keep="last")
    names = list(evaluation.inputs.held_out)
    return {
        "names": names,
        "shown": names[:_NAMES_SHOWN],
        "more": max(0, len(names) - _NAMES_SHOWN),
        "rows": [
            {**row, "name": MODEL_NAMES[row["model"]]}
            for row in means.sort_values("servers", ascending=False, kind="stable").to_dict("records")
        ],
    }

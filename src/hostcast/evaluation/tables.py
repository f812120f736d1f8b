"""The scores as tidy tables, with columns that `dvc plots` can draw."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hostcast.evaluation.leaderboard import TFT, best_baseline, pairwise
from hostcast.evaluation.scoring import Score

__all__ = ["make_tables"]

ALL = "all"


def make_tables(
    scores: Mapping[str, Score],
    leaders: pd.DataFrame,
    importance: pd.DataFrame,
    attention: pd.DataFrame,
    history: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Name -> table.

    leaderboard: model and its measures over all targets; `leaders` as it was given.
    by_target: model, target (or `all`), measures, rows scored and dropped.
    by_horizon: model, target (or `all`), horizon_hours, wQL, MAE, cover80, width80, rows.
    horizon: horizon_hours and one wQL column per model, over all targets; best_baseline repeats that of the
        baseline that is best overall.
    by_server: model, target, server, measures, rows scored and dropped.
    pairs: the TFT on each server and target against the best baseline there.
    coverage: target (or `all`), nominal, observed: quantile levels of the TFT, shares of 1.
    intervals: target (or `all`), nominal, observed, width: central intervals of the TFT.
    importance: part, variable, importance, label (part and variable in one, for a bar chart).
    attention: position, weight.
    training: epoch (the first is 1), train_loss, val_loss, learning_rate.
    """
    by_horizon = _stack({name: _with_mean_horizon(result.by_horizon) for name, result in scores.items()})
    # before they are stacked with the targets, one of which may be called like the mean
    means = _stack({name: _mean_horizon(result.by_horizon) for name, result in scores.items()})
    horizon = means.pivot(index="horizon_hours", columns="model", values="wQL")[list(scores)]
    horizon["best_baseline"] = horizon[best_baseline(scores)]
    labelled = importance.sort_values(
        ["part", "importance", "variable"], ascending=[True, False, True], kind="stable", ignore_index=True
    )
    labelled["label"] = labelled["part"].astype("str") + ": " + labelled["variable"].astype("str")
    own = scores[TFT]
    return {
        "leaderboard": leaders,
        "by_target": _stack({name: _with_overall(result) for name, result in scores.items()}),
        "by_horizon": by_horizon,
        "horizon": horizon.rename_axis(columns=None).reset_index(),
        "by_server": _stack({name: result.by_server for name, result in scores.items()}),
        "pairs": pairwise(scores),
        "coverage": _with_mean(own.coverage, ["nominal"]),
        "intervals": _with_mean(own.intervals, ["nominal"]),
        "importance": labelled,
        "attention": attention.sort_values("position", kind="stable", ignore_index=True),
        # people count from 1, training from 0
        "training": history.sort_values("epoch", kind="stable", ignore_index=True).assign(
            epoch=lambda table: table["epoch"] + 1
        ),
    }


def _stack(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([part.assign(model=name) for name, part in parts.items()], ignore_index=True).pipe(
        lambda table: table[["model", *[name for name in table.columns if name != "model"]]]
    )


def _with_overall(result: Score) -> pd.DataFrame:
    counts = result.by_target[["rows", "dropped"]].sum()
    total = {"target": ALL, **result.overall, "rows": counts["rows"], "dropped": counts["dropped"]}
    table = pd.concat([result.by_target, pd.DataFrame([total])], ignore_index=True)
    return table.astype({"rows": "int64", "dropped": "int64"})


def _with_mean_horizon(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, _mean_horizon(table)], ignore_index=True)


def _mean_horizon(table: pd.DataFrame) -> pd.DataFrame:
    rows = table.groupby("horizon_hours", sort=True)["rows"].sum()
    # over all targets MAE would mix units
    means = table.groupby("horizon_hours", sort=True)[["wQL", "cover80", "width80"]].mean()
    return means.assign(rows=rows, target=ALL).reset_index()


def _with_mean(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    total = table.drop(columns="target").groupby(keys, sort=True).mean().reset_index().assign(target=ALL)
    return pd.concat([table, total], ignore_index=True)[list(table.columns)]

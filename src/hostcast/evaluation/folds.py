"""Scores of walk-forward folds beside that of the test span: mean, spread, and one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pandas as pd

from hostcast.evaluation.scoring import Score
from hostcast.splitting import Split

__all__ = ["FoldScore", "SpanTimes", "fold_headline", "fold_tables"]

TEST = "test"
_MEASURES = ["wQL", "sQL", "MASE", "cover80", "width80"]


@dataclass(frozen=True)
class SpanTimes:
    """When a model was trained and scored, over all servers: first instants, and those after the last."""

    train_begin: pd.Timestamp
    train_end: pd.Timestamp
    scored_begin: pd.Timestamp
    scored_end: pd.Timestamp

    @classmethod
    def of(cls, split: Split) -> Self:
        """Those of a split or of a fold."""
        times: list[pd.Timestamp] = []
        for part in ("train", "test"):
            ranges = [(span.first, *span.range_of(part)) for span in split.spans]
            filled = [(first, low, high) for first, low, high in ranges if low < high]
            times.append(min(first + low * split.step for first, low, _ in filled))
            times.append(max(first + high * split.step for first, _, high in filled))
        return cls(*times)


@dataclass(frozen=True)
class FoldScore:
    """How well the model of a fold forecast the period after its training.

    Attributes:
        times: of the fold.
        score: of its model.
        headline: of its evaluation: the model's measures, and the baselines' on the same period.
    """

    times: SpanTimes
    score: Score
    headline: Mapping[str, float]


def fold_tables(
    folds: Sequence[FoldScore], times: SpanTimes | None, score: Score, headline: Mapping[str, float]
) -> dict[str, pd.DataFrame]:
    """Name -> table; without folds no more than `folds`, in which then only the test span is.

    folds: span (`fold 1`, ..., `test`), train_begin, train_end, scored_begin, scored_end, servers, rows, and
        the headline of each.
    folds_by_target: span, target, measures, rows.
    folds_summary: measure, mean, spread (standard deviation of folds, n - 1), lowest, highest, test.

    Args:
        folds: the earliest first.
        times: of the test span and of the training before it, None = unknown.
        score: of the test span.
        headline: of the test span.
    """
    named = [(f"fold {number}", fold.times, fold.score) for number, fold in enumerate(folds, start=1)]
    spans = [*named, (TEST, times, score)]
    headlines = [*(fold.headline for fold in folds), headline]
    table = pd.DataFrame([_row(*span, own) for span, own in zip(spans, headlines, strict=True)])
    if not folds:
        return {"folds": table}
    by_target = [own.by_target[["target", *_MEASURES, "rows"]].assign(span=name) for name, _, own in spans]
    return {
        "folds": table,
        "folds_by_target": pd.concat(by_target, ignore_index=True)[["span", "target", *_MEASURES, "rows"]],
        "folds_summary": _summary(table, [name for name in headline if name in table.columns]),
    }


def fold_headline(folds: Sequence[FoldScore]) -> dict[str, float]:
    """The mean over folds of the wQL, and its spread; nothing without folds."""
    values = pd.Series([fold.score.overall["wQL"] for fold in folds], dtype="float64")
    numbers = {"wQL_folds": float(values.mean()), "wQL_folds_spread": float(values.std(ddof=1))}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def _row(
    name: str, times: SpanTimes | None, score: Score, headline: Mapping[str, float]
) -> dict[str, object]:
    when = {} if times is None else {key: _iso(value) for key, value in vars(times).items()}
    rows = score.by_server
    return {
        "span": name,
        **when,
        "servers": rows.loc[rows["rows"] > 0, "server"].nunique(),
        "rows": int(rows["rows"].sum()),
        **headline,
    }


def _summary(table: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    of_folds, test = table[table["span"] != TEST][measures], table[table["span"] == TEST][measures]
    summary = pd.DataFrame(
        {
            "mean": of_folds.mean(),
            "spread": of_folds.std(ddof=1),
            "lowest": of_folds.min(),
            "highest": of_folds.max(),
            "test": test.iloc[0],
        }
    )
    return summary.rename_axis("measure").reset_index()


def _iso(instant: pd.Timestamp) -> str:
    return instant.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")

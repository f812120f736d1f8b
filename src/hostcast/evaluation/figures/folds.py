"""Errors of walk-forward folds, and when each was trained and scored."""

from __future__ import annotations

import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from hostcast.drawing import (
    GRID,
    MODEL_COLOURS,
    MODEL_DASHES,
    MUTED,
    drawing,
    legend,
    svg_of,
)
from hostcast.evaluation.leaderboard import BASELINES, MODEL_NAMES, TFT

__all__ = ["draw_folds"]


def draw_folds(folds: pd.DataFrame) -> str:
    """Above, the wQL of each span with mean and spread of the folds; below, what each model saw: SVG.

    Args:
        folds: see `hostcast.evaluation.folds.fold_tables`.
    """
    days = {
        name: date2num(pd.to_datetime(folds[name], utc=True))  # type: ignore[no-untyped-call]
        for name in ("train_begin", "train_end", "scored_begin", "scored_end")
    }
    of_folds = 100 * folds["wQL"].iloc[:-1]
    with drawing(2.6 + 0.24 * len(folds)) as figure:
        above, below = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [2.2, 0.24 * len(folds)]}
        )
        middle = (days["scored_begin"] + days["scored_end"]) / 2
        mean, spread = of_folds.mean(), of_folds.std(ddof=1)
        if len(of_folds) > 1:
            above.axhspan(mean - spread, mean + spread, color=MODEL_COLOURS[TFT], alpha=0.12, linewidth=0)
        above.axhline(mean, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), label="mean of folds")
        for name in (*BASELINES, TFT):
            column = "wQL" if name == TFT else f"wQL_{name}"
            if column in folds.columns:
                above.plot(
                    middle,
                    100 * folds[column],
                    color=MODEL_COLOURS[name],
                    linestyle=MODEL_DASHES[name],
                    marker="o",
                    markersize=4,
                    label=MODEL_NAMES[name],
                )
        above.set_ylim(bottom=0)
        above.set_ylabel("error (wQL), %")
        legend(above)
        for part, colour in (("train", GRID), ("scored", MODEL_COLOURS[TFT])):
            begin, end = days[f"{part}_begin"], days[f"{part}_end"]
            below.barh(range(len(folds)), end - begin, left=begin, height=0.6, color=colour)
        below.set_yticks(range(len(folds)), folds["span"])
        below.invert_yaxis()
        below.grid(visible=False, axis="y")
        locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
        below.xaxis.set_major_locator(locator)
        below.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        return svg_of(figure)

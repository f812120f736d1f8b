"""Bars of variable importance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hostcast.drawing import MODEL_COLOURS, MUTED, drawing, plain, svg_of

__all__ = ["draw_importance"]

PARTS = {
    "encoder": "over the history",
    "decoder": "over the hours ahead",
    "static": "about the server",
}
_MOST_BARS = 12


def draw_importance(importance: pd.DataFrame) -> str:
    """How much weight variable selection gives each input, in %, by part of the model: SVG.

    Args:
        importance: part (static, encoder, decoder), variable, importance (sums to 1 in each part).
    """
    parts = {part: _longest(importance, part) for part in PARTS}
    parts = {part: bars for part, bars in parts.items() if bars}
    counts = [len(bars) for bars in parts.values()] or [1]
    with drawing(0.2 * sum(counts) + 0.62 * len(counts)) as figure:
        panels = figure.subplots(len(counts), 1, squeeze=False, gridspec_kw={"height_ratios": counts})[:, 0]
        longest = max((share for bars in parts.values() for _, share in bars), default=1.0)
        for axes, (part, bars) in zip(panels, parts.items(), strict=False):
            places = np.arange(len(bars))
            shares = [100 * share for _, share in bars]
            axes.barh(places, shares, color=MODEL_COLOURS["tft"], height=0.68)
            for place, share in zip(places, shares, strict=True):
                axes.text(share + longest, place, f"{share:.0f} %", va="center", fontsize=7.5, color=MUTED)
            axes.set_yticks(places, [plain(name, 34) for name, _ in bars])
            axes.set_title(f"Inputs {PARTS[part]}")
            axes.set_xlim(0, 112 * longest)
            axes.invert_yaxis()
            axes.grid(visible=False)
            axes.tick_params(bottom=False, labelbottom=False, left=False)
            axes.spines["bottom"].set_visible(False)
        figure.align_ylabels(list(panels))
        return svg_of(figure)


def _longest(importance: pd.DataFrame, part: str) -> list[tuple[str, float]]:
    own = importance[importance["part"] == part].sort_values(
        ["importance", "variable"], ascending=[False, True], kind="stable"
    )
    bars = [(str(name), float(share)) for name, share in zip(own["variable"], own["importance"], strict=True)]
    if len(bars) <= _MOST_BARS:
        return bars
    rest = bars[_MOST_BARS - 1 :]
    return [*bars[: _MOST_BARS - 1], (f"{len(rest)} others", sum(share for _, share in rest))]

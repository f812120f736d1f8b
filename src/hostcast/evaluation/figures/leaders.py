"""The leaderboard as a picture: errors with their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hostcast.drawing import MODEL_COLOURS, drawing, svg_of
from hostcast.evaluation.leaderboard import MODEL_NAMES

__all__ = ["draw_leaders"]


def draw_leaders(leaders: pd.DataFrame) -> str:
    """wQL of each model and its interval, the least error on top: SVG.

    Args:
        leaders: the leaderboard: model, wQL, wQL_low, wQL_high.
    """
    # from the top down
    table = leaders.sort_values("wQL", ascending=False, kind="stable", ignore_index=True)
    with drawing(0.32 * len(table) + 0.75) as figure:
        axes = figure.subplots()
        for place, (name, error, low, high) in enumerate(
            table[["model", "wQL", "wQL_low", "wQL_high"]].itertuples(index=False)
        ):
            colour = MODEL_COLOURS[name]
            if np.isfinite([low, high]).all():
                axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot([error], [place], "o", color=colour, markersize=8 if name == "tft" else 6)
        axes.set_yticks(range(len(table)), [MODEL_NAMES[name] for name in table["model"]])
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("error (wQL) and its 95 % interval")
        return svg_of(figure)

"""The reliability chart: what intervals promise and what they hold, before and after calibration."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from hostcast.drawing import INK, MUTED, SERIES_COLOURS, drawing, plain, split_unit, svg_of
from hostcast.evaluation.calibration import AFTER, ALL, BEFORE

__all__ = ["draw_reliability"]

# more lines than this can't be told apart
_MOST_LINES = 6
_TITLES = {BEFORE: "as the network made them", AFTER: "calibrated"}


def draw_reliability(calibration: pd.DataFrame, targets: Sequence[str]) -> str:
    """Observed against nominal coverage of the central intervals, a panel before and one after: SVG.

    Args:
        calibration: forecast, target (or `all`), nominal, observed.
        targets: targets to draw beside the mean, as far as lines can be told apart.
    """
    # whole tens, so that small misses can be seen
    lowest = float(calibration[["nominal", "observed"]].to_numpy("float64").min())
    least = 10 * int(10 * lowest - 0.5)
    made = [name for name in (BEFORE, AFTER) if (calibration["forecast"] == name).any()]
    with drawing(3.3, 2.9 * len(made)) as figure:
        panels = figure.subplots(1, len(made), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, made, strict=True):
            _draw(axes, calibration[calibration["forecast"] == name], targets)
            axes.set(xlim=(max(0, least), 100), ylim=(max(0, least), 100), aspect="equal")
            axes.set_title(_TITLES[name])
            axes.set_xlabel("interval should hold")
        panels[0].set_ylabel("interval held")
        panels[0].legend(loc="lower right", fontsize=7.5, handlelength=1.6)
        return svg_of(figure)


def _draw(axes: Axes, calibration: pd.DataFrame, targets: Sequence[str]) -> None:
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (2, 2)), label="perfect")
    for target, colour in zip(targets[:_MOST_LINES], SERIES_COLOURS, strict=False):
        part = calibration[calibration["target"] == target].drop_duplicates("nominal")
        axes.plot(
            100 * part["nominal"],
            100 * part["observed"],
            color=colour,
            marker="o",
            markersize=3.5,
            linewidth=1.3,
            label=plain(split_unit(target)[0]),
        )
    # a target may be called like the mean, which stands last
    whole = calibration[calibration["target"] == ALL].drop_duplicates("nominal", keep="last")
    axes.plot(100 * whole["nominal"], 100 * whole["observed"], color=INK, linewidth=2.2, label="mean of all")
    axes.xaxis.set_major_formatter(PercentFormatter(decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))

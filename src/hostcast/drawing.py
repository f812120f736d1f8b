"""One look for all figures, and the same bytes for the same content."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = [
    "DARK_COLOURS",
    "GRID",
    "INK",
    "MODEL_COLOURS",
    "MODEL_DASHES",
    "MUTED",
    "PAPER",
    "SERIES_COLOURS",
    "drawing",
    "legend",
    "plain",
    "split_unit",
    "svg_of",
]

PAPER = "#ffffff"
INK = "#1c2430"
MUTED = "#5a6472"
GRID = "#e3e7ec"
# Okabe and Ito's palette, told apart with any colour vision; https://jfly.uni-koeln.de/color/
MODEL_COLOURS = {
    "tft": "#0072b2",
    "last_value": "#d55e00",
    "seasonal_naive": "#009e73",
    "theta": "#e69f00",
    "lightgbm": "#56b4e9",
    "noise_floor": "#cc79a7",
}
MODEL_DASHES = {
    "tft": "-",
    "last_value": "--",
    "seasonal_naive": ":",
    "theta": (0, (5, 1, 1, 1, 1, 1)),
    "lightgbm": (0, (7, 2)),
    "noise_floor": "-.",
}
SERIES_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
# what the colours become on a dark page
DARK_COLOURS = {
    INK: "#e8ecf1",
    MUTED: "#a5afbc",
    GRID: "#2f3742",
    "#0072b2": "#4da8e0",
    "#d55e00": "#f08a45",
    "#009e73": "#2fc49a",
}

_SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "figure.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    # element ids are random without it
    "svg.hashsalt": "hostcast",
    "path.simplify": False,
}

WIDTH = 5.8


@contextmanager
def drawing(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """A figure of `width` x `height` inches in the common look; global settings stay as they were."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield Figure(figsize=(width, height))


def svg_of(figure: Figure) -> str:
    """The figure as SVG text without dates; call it within `drawing`."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": "hostcast"})
    return target.getvalue()


def legend(axes: Axes, columns: int = 4) -> None:
    """A legend in one line above the axes, where it covers nothing."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1.8,
        fontsize=8,
    )


def plain(text: object, limit: int = 44) -> str:
    """A name from the data as a harmless label: no math mode, one line, drawable, of bounded length."""
    known = _glyphs()
    shown = "".join(c if c.isprintable() and ord(c) in known else ascii(c)[1:-1] for c in str(text))
    shown = shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
    return shown.replace("$", r"\$")


def split_unit(target: str) -> tuple[str, str]:
    """A column's readable name and unit, e.g. `cpu_percent` -> (`cpu`, `%`); the unit may be empty."""
    name, unit = (target[: -len("_percent")], "%") if target.endswith("_percent") else (target, "")
    return (name.replace("_", " ").strip() or target), unit


@functools.cache
def _glyphs() -> frozenset[int]:
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())

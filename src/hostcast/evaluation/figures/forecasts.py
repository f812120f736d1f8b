"""Pictures of single forecasts: bands against what then happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hostcast.drawing import (
    INK,
    MODEL_COLOURS,
    MODEL_DASHES,
    MUTED,
    drawing,
    plain,
    split_unit,
    svg_of,
)
from hostcast.evaluation.leaderboard import MODEL_NAMES, TFT, baselines_among
from hostcast.evaluation.metrics import central_intervals
from hostcast.evaluation.scoring import Score
from hostcast.params import Params

__all__ = ["Picture", "choose_pictures", "draw_forecast", "shown_steps"]

_BAND_SHADES = (0.14, 0.22, 0.34)
# more history would leave too little room for the forecast
_HORIZONS_OF_HISTORY = 3


@dataclass(frozen=True)
class Picture:
    """Which forecast is shown.

    Attributes:
        server: whose.
        cutoff: made when.
        rank: 1 = the server with the least error, of all `servers`.
        servers: number of servers ranked.
    """

    server: str
    cutoff: pd.Timestamp
    rank: int
    servers: int


def shown_steps(params: Params) -> int:
    """Steps of history a picture shows: what the model saw, but not more than three horizons."""
    return min(params.split.encoder_length, _HORIZONS_OF_HISTORY * params.split.horizon)


def choose_pictures(result: Score, count: int) -> list[Picture]:
    """Servers evenly spread over the ranks of error, best and worst among them, each with a typical forecast.

    Servers are ranked by sQL, averaged over the targets (by wQL where no sQL is known). Of each server the
    forecast of median loss is shown, among those with the most observed values.
    """
    table = result.by_server[result.by_server["rows"] > 0]
    measure = "sQL" if table["sQL"].notna().any() else "wQL"
    errors = table.groupby("server", sort=True)[measure].mean().dropna().sort_values(kind="stable")
    if count < 1 or errors.empty:
        return []
    # a single picture shows neither end but the middle
    spread = np.linspace(0, len(errors) - 1, count) if count > 1 else np.array([(len(errors) - 1) // 2])
    ranks = sorted({round(place) for place in spread.tolist()})
    return [
        Picture(
            str(errors.index[rank]), _typical_cutoff(result, str(errors.index[rank])), rank + 1, len(errors)
        )
        for rank in ranks
    ]


def _typical_cutoff(result: Score, server: str) -> pd.Timestamp:
    rows = result.rows.loc[result.rows["server"] == server, ["cutoff", "target", "loss"]]
    means = rows.groupby("target")["loss"].transform("mean").clip(lower=1e-12)
    relative = (rows["loss"] / means).groupby(rows["cutoff"], sort=True)
    table = pd.DataFrame({"loss": relative.mean(), "rows": relative.size()})
    fullest = table[table["rows"] == table["rows"].max()].sort_values("loss", kind="stable")
    return pd.Timestamp(fullest.index[(len(fullest) - 1) // 2])


def draw_forecast(
    picture: Picture,
    forecasts: dict[str, pd.DataFrame],
    telemetry: pd.DataFrame,
    targets: Sequence[str],
    history: pd.Timedelta,
) -> str:
    """One server's forecast of all targets, one panel each: SVG.

    Args:
        picture: server and cutoff.
        forecasts: model -> its table.
        telemetry: server, timestamp and the targets.
        targets: panels, from top to bottom.
        history: how much of what the model saw is shown, up to and including the cutoff.
    """
    parts = {
        name: table[(table["server"] == picture.server) & (table["cutoff"] == picture.cutoff)]
        for name, table in forecasts.items()
        if name == TFT or name in baselines_among(forecasts)
    }
    end = parts[TFT]["timestamp"].max()
    seen = telemetry[(telemetry["server"] == picture.server) & (telemetry["timestamp"] <= end)]
    seen = seen[seen["timestamp"] > picture.cutoff - history].sort_values("timestamp", kind="stable")
    with drawing(1.42 * len(targets) + 0.75) as figure:
        panels = figure.subplots(len(targets), 1, sharex=True, squeeze=False)[:, 0]
        for axes, target in zip(panels, targets, strict=True):
            for name, part in parts.items():
                _draw_model(axes, name, part[part["target"] == target], picture.cutoff)
            axes.plot(
                _hours(seen["timestamp"], picture.cutoff),
                seen[target].to_numpy("float64"),
                color=INK,
                linewidth=1.1,
                label="actual",
                zorder=4,
            )
            axes.axvline(0, color=MUTED, linewidth=0.9)
            readable, unit = split_unit(target)
            axes.set_title(plain(f"{readable}, {unit}" if unit else readable))
            axes.margins(x=0)
            axes.locator_params(axis="y", nbins=4)
        # hours read best in threes and sixes
        panels[-1].xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 3, 6, 10]))
        panels[-1].set_xlabel("hours from the cutoff (left of 0: what the model saw; right: forecast)")
        handles, labels = panels[0].get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda i: labels[i] != "actual")
        figure.legend(
            [handles[i] for i in order],
            [labels[i] for i in order],
            loc="outside lower center",
            ncols=4,
            fontsize=7.5,
            handlelength=1.6,
            columnspacing=1.2,
        )
        figure.suptitle(
            f"{plain(picture.server)}, forecast of {picture.cutoff:%Y-%m-%d %H:%M} UTC",
            x=0.01,
            ha="left",
            fontsize=9,
            color=MUTED,
        )
        return svg_of(figure)


def _draw_model(axes: Axes, name: str, part: pd.DataFrame, cutoff: pd.Timestamp) -> None:
    part = part.sort_values("timestamp", kind="stable")
    hours = _hours(part["timestamp"], cutoff)
    colour = MODEL_COLOURS[name]
    median = part["q0.5"].to_numpy("float64")
    if name != TFT:
        axes.plot(
            hours, median, color=colour, linewidth=1, linestyle=MODEL_DASHES[name], label=MODEL_NAMES[name]
        )
        return
    columns = {float(c[1:]): c for c in part.columns if c.startswith("q0.")}
    bands = central_intervals(list(columns))
    bands = [band for band in bands if band[2] in (0.5, 0.8, 0.9)] or bands[-3:]
    for (low, high, nominal), shade in zip(reversed(bands), _BAND_SHADES, strict=False):
        axes.fill_between(
            hours,
            part[columns[low]].to_numpy("float64"),
            part[columns[high]].to_numpy("float64"),
            color=colour,
            alpha=shade,
            linewidth=0,
            label=f"{100 * nominal:.0f} % band",
        )
    axes.plot(hours, median, color=colour, linewidth=2, label="TFT median", zorder=3)


def _hours(times: pd.Series, cutoff: pd.Timestamp) -> np.ndarray:
    return ((times - cutoff) / pd.Timedelta(1, unit="h")).to_numpy("float64")

"""The report: one HTML page that carries everything it shows."""

from __future__ import annotations

import base64
import math
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hostcast.drawing import DARK_COLOURS, PAPER, split_unit
from hostcast.evaluation.figures import Figures
from hostcast.evaluation.figures.forecasts import shown_steps
from hostcast.evaluation.leaderboard import (
    MODEL_NAMES,
    NOISE_FLOOR,
    TFT,
    baselines_among,
    best_baseline,
    skill_of,
)
from hostcast.evaluation.report import wording
from hostcast.evaluation.report.calibration import calibration_facts
from hostcast.evaluation.report.data_quality import data_facts
from hostcast.evaluation.report.drift import drift_facts
from hostcast.evaluation.report.validation import fold_facts, unseen_facts

if TYPE_CHECKING:
    from hostcast.evaluation.evaluate import Evaluation

__all__ = ["render_report"]

_WORST_SHOWN = 10
_LONGEST_NAME = 40


def render_report(evaluation: Evaluation, figures: Figures) -> str:
    """The report as one self-contained HTML page: styles and pictures inside, no scripts, no requests.

    Names of servers and columns are data and are escaped.
    """
    environment = Environment(
        loader=PackageLoader("hostcast.evaluation", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "visible": _visible,
        "name": _name,
        "change": _change,
        "moment": _moment,
        "counted": wording.counted,
        "number": _number,
        "percent": _percent,
        "ratio": _ratio,
        "picture": _picture,
    }
    page = environment.get_template("template.html").render(
        # our own file, not data: it must reach <style> as it stands
        css=Markup(files("hostcast.evaluation.report").joinpath("style.css").read_text("utf-8")),
        charts=figures.charts,
        pictures=figures.forecasts,
        **_facts(evaluation),
    )
    return page.rstrip() + "\n"


def _facts(evaluation: Evaluation) -> dict[str, Any]:
    inputs, scores = evaluation.inputs, evaluation.scores
    params, own = inputs.params, scores[TFT]
    table = evaluation.forecasts[TFT]
    rival = best_baseline(scores)
    season = wording.duration(params.base.step * params.evaluate.season)
    phrases = wording.phrases(season)
    named = baselines_among(scores)
    skills = {name: skill_of(own.overall["wQL"], scores[name].overall["wQL"]) for name in named}
    tone, sentence = wording.verdict(skills[rival], phrases[rival])
    floor = scores[NOISE_FLOOR].overall["wQL"] if NOISE_FLOOR in scores else None
    return {
        "targets": [split_unit(name)[0] for name in params.base.target_metrics],
        "servers": table["server"].nunique(),
        "horizon": wording.duration(params.base.step * params.split.horizon),
        "step": wording.duration(params.base.step),
        "history": wording.duration(params.base.step * params.split.encoder_length),
        "shown": wording.duration(params.base.step * shown_steps(params)),
        "season": season,
        "forecast_count": len(table[["server", "cutoff"]].drop_duplicates()),
        "first": table["cutoff"].min(),
        "final": table["timestamp"].max(),
        "scored": int(own.by_target["rows"].sum()),
        "dropped": int(own.by_target["dropped"].sum()),
        "unscored": own.by_target.loc[own.by_target["rows"] == 0, "target"].to_list(),
        "tone": tone,
        "verdict": sentence,
        "skills": [(phrases[name], skill) for name, skill in skills.items()],
        "overall": own.overall,
        "calibration_verdict": wording.calibration_verdict(own.overall["cover80"]),
        "calibration": wording.calibration_sentence(own.overall["cover80"]),
        "bands": _whole(own.intervals),
        "reliability": calibration_facts(evaluation.tables, params.calibration),
        "leaders": _leaders(evaluation),
        "certainty": wording.certainty_sentence(*_skill_bounds(evaluation)),
        "block": wording.duration(params.base.step * max(params.evaluate.season, params.split.horizon)),
        "baselines": [(MODEL_NAMES[name], wording.MEANINGS[name].format(season=season)) for name in named],
        "floor": None
        if floor is None
        else wording.floor_sentence(own.overall["wQL"], scores[rival].overall["wQL"], floor),
        "quarters": _quarters(evaluation, rival),
        "rival": MODEL_NAMES[rival],
        "best_epoch": _best_epoch(evaluation.tables["training"]),
        "epochs": len(evaluation.tables["training"]),
        "metrics": _metrics(evaluation),
        "trust": wording.trust_sentence(evaluation.tables["pairs"]),
        "worst": _worst(evaluation),
        "data": data_facts(inputs.quality),
        "folds": fold_facts(evaluation),
        "unseen": unseen_facts(evaluation),
        "drift": None if inputs.drift is None else drift_facts(inputs.drift),
    }


def _leaders(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The leaderboard by rising error."""
    table = evaluation.leaderboard.sort_values("wQL", kind="stable")
    rows: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    return [{**row, "name": MODEL_NAMES[row["model"]]} for row in rows]


def _skill_bounds(evaluation: Evaluation) -> tuple[float, float]:
    own = evaluation.leaderboard.loc[evaluation.leaderboard["model"] == TFT, ["skill_low", "skill_high"]]
    low, high = own.to_numpy("float64")[0].tolist()
    return low, high


def _metrics(evaluation: Evaluation) -> list[dict[str, Any]]:
    scores = evaluation.scores
    rivals = pd.concat(
        [scores[name].by_target.set_index("target")["wQL"] for name in baselines_among(scores)], axis=1
    )
    best = rivals.min(axis=1)
    own = scores[TFT].by_target.set_index("target")
    rows = []
    for target in evaluation.inputs.params.base.target_metrics:
        readable, unit = split_unit(target)
        row = own.loc[[target]].iloc[0]
        rows.append(
            {
                "name": readable,
                "unit": unit,
                "MAE": row["MAE"],
                "wQL": row["wQL"],
                "skill": 1.0 - row["wQL"] / best[target] if best[target] > 0 else math.nan,
                "cover80": row["cover80"],
                "rows": int(row["rows"]),
                "dropped": int(row["dropped"]),
            }
        )
    return rows


def _quarters(evaluation: Evaluation, rival: str) -> list[dict[str, Any]]:
    """wQL of the model and the best baseline in each quarter of the horizon."""
    table = evaluation.tables["horizon"]
    quarter = np.arange(len(table)) * min(4, len(table)) // len(table)
    rows = []
    for number in range(int(quarter.max()) + 1):
        part = table[quarter == number]
        own, other = float(part[TFT].mean()), float(part[rival].mean())
        until = wording.duration(pd.Timedelta(float(part["horizon_hours"].iloc[-1]), unit="h"))
        rows.append({"until": until, "own": own, "rival": other, "skill": skill_of(own, other)})
    return rows


def _best_epoch(history: pd.DataFrame) -> int | None:
    known = history[["epoch", "val_loss"]].dropna() if "val_loss" in history.columns else history[:0]
    return None if known.empty else int(known["epoch"].iloc[int(known["val_loss"].to_numpy().argmin())])


def _worst(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The server-metric pairs on which a baseline beats the model by most."""
    pairs = evaluation.tables["pairs"]
    # where the baseline has no error at all, the metric stands still: that comes last
    order = pairs["skill"].where(pairs["skill"] > -math.inf, 0.0).sort_values(kind="stable").index
    known = pairs.loc[order]
    known = known[known["skill"] < 0].head(_WORST_SHOWN)
    rows = []
    for row in known.to_dict("records"):
        readable, unit = split_unit(str(row["target"]))
        rows.append({**{str(k): v for k, v in row.items()}, "name": readable, "unit": unit})
    return rows


def _whole(intervals: pd.DataFrame) -> list[tuple[float, float]]:
    own = intervals[intervals["target"] == "all"].drop_duplicates("nominal", keep="last")
    return list(zip(own["nominal"].tolist(), own["observed"].tolist(), strict=True))


def _visible(text: object, limit: int = 120) -> str:
    """A name from the data on one line, with unprintable characters spelled out, of bounded length."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


def _name(text: object) -> Markup:
    """A name that fits into a heading or a table; the whole one shows on pointing at it."""
    short, whole = _visible(text, _LONGEST_NAME), _visible(text, 500)
    if short == whole:
        return escape(short)
    return Markup('<span title="{}">{}</span>').format(whole, short)


def _moment(time: str) -> str:
    """E.g. `2025-01-06 00:00 UTC`."""
    return f"{pd.to_datetime(time, utc=True):%Y-%m-%d %H:%M} UTC"


def _change(skill: float) -> str:
    """The change of the error that a skill stands for, in %."""
    return "the baseline is exact" if skill == -math.inf else _percent(-skill, 1, signed=True)


def _number(value: float) -> str:
    """Three or four digits that matter."""
    if not math.isfinite(value):
        return "–"
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    return f"{value:,.{max(0, min(6, 3 - math.floor(math.log10(abs(value))) - 1))}f}" if value else "0"


def _percent(share: float, digits: int = 0, signed: bool = False) -> str:
    if not math.isfinite(share):
        return "–"
    text = f"{100 * share:{'+' if signed else ''}.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return f"{text.replace('-', '−')}\N{NO-BREAK SPACE}%"


def _ratio(skill: float) -> str:
    return f"{1 - skill:.2f} ×" if math.isfinite(skill) else "baseline exact"


def _picture(svg: str) -> str:
    """A data URI of the picture, which takes the page's light or dark colours."""
    rules = [
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK_COLOURS.items()
        for kind in ("fill", "stroke")
    ]
    style = (
        f'<style>[style*="fill: {PAPER}"]{{fill:none!important}}'
        f"@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"
    )
    body = svg[svg.index("<svg") :]
    end = body.index(">") + 1
    themed = body[:end] + style + body[end:]
    return "data:image/svg+xml;base64," + base64.b64encode(themed.encode("utf-8")).decode("ascii")

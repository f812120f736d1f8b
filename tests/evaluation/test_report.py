"""The page and its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest

from hostcast.drawing import plain, split_unit
from hostcast.evaluation import EvaluationInputs, draw_figures, evaluate, render_report, write_evaluation
from hostcast.evaluation.report import wording
from hostcast.params import load_params
from hostcast.telemetry import prepare

MakeInputs = Callable[..., EvaluationInputs]
HOSTILE = (
    "<script>alert('x')</script>",
    "\"><img src=x onerror='y'>\n../../etc/$\\frac{$",
    "{{ 7*7 }} 日本 \x07 \u202e $a$",
)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _render(inputs: EvaluationInputs) -> str:
    evaluation = evaluate(inputs)
    return render_report(evaluation, draw_figures(evaluation))


def test_hostile_server_names_are_shown_but_never_become_markup(make_inputs: MakeInputs) -> None:
    inputs = make_inputs(
        names=HOSTILE,
        bias=8.0,
        importance=pd.DataFrame({"part": ["encoder"], "variable": [HOSTILE[1]], "importance": [1.0]}),
    )
    page = _Page(_render(inputs))
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert all((a["src"] or "").startswith("data:") for tag, a in page.tags if tag == "img")
    text = "".join(page.words)
    assert HOSTILE[0] in text
    assert "{{ 7*7 }}" in text
    assert "\x07" not in text
    assert "\u202e" not in text


def test_hostile_names_break_neither_file_names_nor_pictures(make_inputs: MakeInputs, tmp_path: Path) -> None:
    evaluation = evaluate(make_inputs(names=HOSTILE))
    write_evaluation(
        evaluation,
        metrics=tmp_path / "m.json",
        tables=tmp_path / "t",
        plots=tmp_path / "p",
        report=tmp_path / "r.html",
    )
    for picture in (tmp_path / "p").iterdir():
        assert re.fullmatch(r"[a-z]+(-\d\d)?\.svg", picture.name)
        ElementTree.fromstring(picture.read_text("utf-8"))
    servers = pd.read_csv(tmp_path / "t" / "by_server.csv")["server"]
    assert set(servers) == set(HOSTILE)


def test_the_page_asks_for_nothing_from_outside(make_inputs: MakeInputs) -> None:
    text = _render(make_inputs())
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    links = [a["href"] for tag, a in _Page(text).tags if tag == "a"]
    anchors = {f"#{a['id']}" for _, a in _Page(text).tags if "id" in a}
    assert set(links) <= anchors


def test_the_page_says_plainly_which_way_it_went(make_inputs: MakeInputs) -> None:
    assert "Do not use this model." in _render(make_inputs(bias=30.0))
    good = make_inputs()
    truth = good.forecasts.merge(
        good.telemetry.melt(["server", "timestamp"], var_name="target", value_name="actual"),
        on=["server", "timestamp", "target"],
    ).fillna({"actual": 0.0})
    for name in [name for name in truth.columns if name.startswith("q0.")]:
        truth[name] = 0.5 * truth[name] + 0.5 * truth["actual"]
    assert "better than" in _render(make_inputs(forecasts=truth.drop(columns="actual")))


def test_the_report_says_what_was_wrong_with_the_data_and_what_was_done(make_inputs: MakeInputs) -> None:
    text = "".join(_Page(_render(make_inputs())).words)
    assert "Nothing was observed at 10 of these steps" in text
    assert "Servers with the most gaps" in text
    assert "1 server was left out" in text


def test_the_quality_report_of_a_real_run_can_be_shown(make_inputs: MakeInputs) -> None:
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    small = params.prepare.simulate.model_copy(update={"servers": 2, "days": 2})
    prepared = prepare(
        params.model_copy(update={"prepare": params.prepare.model_copy(update={"simulate": small})})
    )
    assert "of a simulated fleet" in _render(make_inputs(quality=prepared.quality))


def test_the_report_says_whether_the_data_is_still_that_of_the_training(make_inputs: MakeInputs) -> None:
    def server(name: str, index: float | None, **changes: bool) -> dict[str, Any]:
        flags = {"new": False, "gone": False, "silent": False} | changes
        return {"name": name, **flags, "last_seen": "2025-01-20T00:00:00Z", "psi": {"cpu_percent": index}}

    span = {"first": "2025-01-01T00:00:00Z", "last": "2025-01-10T00:00:00Z", "servers": 3, "steps": 9}
    column = {"psi": 0.31, "mean_then": 4.0, "mean_now": 5.0, "missing_then": 0.0, "missing_now": None}
    reason = {"kind": "drift", "column": "cpu_percent", "value": 0.31, "limit": 0.25, "text": "it <b>moved"}
    drift = {
        "retrain": True,
        "reasons": [reason],
        "warnings": [],
        "reference": span,
        "recent": span,
        "age_days": 4.0,
        "limits": {"psi": 0.25, "psi_watch": 0.1, "silent_after": "1D"},
        "columns": {"cpu_percent": {**column, "servers_compared": 2, "servers_drifted": 1}},
        "servers": [server(HOSTILE[0], 0.4), server("b", None, gone=True), server("c", 0.1, silent=True)],
    }
    page = _Page(_render(make_inputs(drift=drift)))
    text = "".join(page.words)
    assert "train anew" in text
    assert "it <b>moved" in text
    assert HOSTILE[0] in text
    assert "In the training span, and not seen since: b." in text
    drift |= {"retrain": False, "reasons": []}
    drift["columns"]["cpu_percent"] |= {"psi": None}
    text = "".join(_Page(_render(make_inputs(drift=drift))).words)
    assert "too little telemetry to tell" in text
    assert "The telemetry still looks" not in text
    assert "Is it still" not in "".join(_Page(_render(make_inputs())).words)


def test_an_empty_training_history_and_no_pictures_still_make_a_page(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    none = inputs.params.model_copy(
        update={"evaluate": inputs.params.evaluate.model_copy(update={"plot_servers": 0})}
    )
    empty = pd.DataFrame({"epoch": [], "train_loss": [], "val_loss": [], "learning_rate": []})
    assert "No pictures were asked for" in _render(make_inputs(params=none, history=empty))


def test_drawing_leaves_global_plot_settings_alone(make_inputs: MakeInputs) -> None:
    before = dict(mpl.rcParams)
    draw_figures(evaluate(make_inputs()))
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("cover", "words"),
    [
        (0.80, "mean what they say"),
        (0.6, "too sure of itself"),
        (0.95, "too cautious"),
        (float("nan"), "few"),
    ],
)
def test_coverage_is_put_into_words(cover: float, words: str) -> None:
    assert words in wording.calibration_sentence(cover)


def test_durations_read_as_people_say_them() -> None:
    lengths = [
        ("5min", "5 minutes"),
        ("8h", "8 hours"),
        ("1D", "24 hours"),
        ("7D", "7 days"),
        ("30s", "30 seconds"),
    ]
    for given, said in lengths:
        assert wording.duration(pd.Timedelta(given)) == said


def test_names_from_the_data_are_harmless_labels() -> None:
    assert plain("a\nb$x$") == r"a\nb\$x\$"
    assert len(plain("x" * 500)) < 60
    assert split_unit("cpu_percent") == ("cpu", "%")
    assert split_unit("load_average") == ("load average", "")
    assert split_unit("_percent")[0]

"""What the page says of places, counts and times, and that it fits."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from hostcast.evaluation import EvaluationInputs, draw_figures, evaluate, render_report
from hostcast.evaluation.figures.forecasts import shown_steps
from hostcast.evaluation.report import wording
from hostcast.evaluation.report.data_quality import data_facts

MakeInputs = Callable[..., EvaluationInputs]


def _render(inputs: EvaluationInputs) -> str:
    evaluation = evaluate(inputs)
    return render_report(evaluation, draw_figures(evaluation))


def test_like_faults_are_one_row_that_says_where(make_inputs: MakeInputs) -> None:
    faults = [
        {"issue": "constant", "treatment": "kept", "count": 1, "column": "cpu_percent", "server": f"s{i}"}
        for i in range(9)
    ]
    quality = {
        **make_inputs().quality,
        "treatments": [*faults, {"issue": "gap", "treatment": "kept", "count": 3}],
    }
    first, second = data_facts(quality)["treatments"]
    assert (first["count"], len(first["where"]), first["more"]) == (9, 5, 4)
    assert (second["count"], second["where"], second["more"]) == (3, [], 0)
    page = _render(make_inputs(quality=quality))
    assert "s0 / cpu_percent, s1 / cpu_percent" in page
    assert "and 4 more" in page


def test_epochs_are_counted_from_one(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    assert evaluate(inputs).tables["training"]["epoch"].to_list() == [1, 2]
    assert "Epoch 2 of 2 had the lowest loss" in _render(inputs)
    single = make_inputs(history=inputs.history.head(1))
    assert "Epoch 1 of 1 had" in _render(single)


def test_one_of_a_kind_is_singular(make_inputs: MakeInputs) -> None:
    page = _render(make_inputs(names=("a",)))
    assert "of 1 server up to" in page
    assert "1 servers" not in page
    assert wording.counted(1, "server") == "1 server"
    assert wording.counted(1200, "server") == "1,200 servers"
    for skill in (-0.5, 0.5):
        sentence = wording.trust_sentence(pd.DataFrame({"skill": [skill]}))
        assert sentence.startswith("There is one pair of a server and a metric: on it")


def test_a_long_name_is_cut_and_shown_whole_on_pointing(make_inputs: MakeInputs) -> None:
    long = "<rack>" + "x" * 60
    page = _render(make_inputs(names=(long, "b"), bias=8.0))
    whole, short = "&lt;rack&gt;" + "x" * 60, "&lt;rack&gt;" + "x" * 34
    assert f'<span title="{whole}">{short}…</span>' in page
    assert f">{whole}<" not in page


def test_a_picture_shows_what_the_model_saw_but_not_more_than_three_horizons(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    assert shown_steps(inputs.params) == 18
    assert "Left of 0: the last 18 hours of what the model saw." in _render(inputs)
    split = inputs.params.split.model_copy(update={"encoder_length": 12, "min_encoder_length": 12})
    short = make_inputs(params=inputs.params.model_copy(update={"split": split}))
    assert shown_steps(short.params) == 12
    assert "Left of 0: what the model saw." in _render(short)


def test_times_of_the_data_read_like_all_others(make_inputs: MakeInputs) -> None:
    page = _render(make_inputs())
    assert "from 2025-01-06 00:00 UTC to 2025-01-08 00:00 UTC." in page
    assert "T00:00:00Z" not in page

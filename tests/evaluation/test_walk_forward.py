"""Scores of folds and of unseen servers, in tables, in the headline and on the page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from hostcast.evaluation import (
    EvaluationInputs,
    FoldScore,
    SpanTimes,
    draw_figures,
    evaluate,
    render_report,
)

MakeInputs = Callable[..., EvaluationInputs]
START = pd.Timestamp("2025-01-01", tz="UTC")


def times(day: int) -> SpanTimes:
    days = [START + pd.Timedelta(number, "D") for number in (0, day, day + 1, day + 3)]
    return SpanTimes(*days)


def fold_of(inputs: EvaluationInputs, day: int) -> FoldScore:
    evaluation = evaluate(inputs)
    return FoldScore(times(day), evaluation.scores["tft"], evaluation.headline)


@pytest.fixture(scope="module")
def folds(make_inputs: MakeInputs) -> list[FoldScore]:
    return [fold_of(make_inputs(bias=bias), day) for bias, day in ((1.0, 4), (2.0, 7), (6.0, 10))]


def test_each_fold_is_a_row_beside_the_test_span_and_the_mean_leaves_that_out(
    make_inputs: MakeInputs, folds: list[FoldScore]
) -> None:
    evaluation = evaluate(make_inputs(bias=3.0, folds=folds, times=times(16)))
    table = evaluation.tables["folds"]
    assert table["span"].tolist() == ["fold 1", "fold 2", "fold 3", "test"]
    assert table["scored_begin"].tolist()[0] == "2025-01-06T00:00:00Z"
    errors = [fold.score.overall["wQL"] for fold in folds]
    assert table["wQL"].tolist() == [*errors, evaluation.headline["wQL"]]
    assert evaluation.headline["wQL_folds"] == pytest.approx(np.mean(errors))
    assert evaluation.headline["wQL_folds_spread"] == pytest.approx(np.std(errors, ddof=1))
    summary = evaluation.tables["folds_summary"].set_index("measure")
    assert summary.loc["wQL", ["mean", "lowest", "highest", "test"]].tolist() == pytest.approx(
        [np.mean(errors), min(errors), max(errors), evaluation.headline["wQL"]]
    )
    assert {"wQL_last_value", "skill", "cover80"} <= set(summary.index)
    by_target = evaluation.tables["folds_by_target"]
    assert len(by_target) == 4 * 2
    assert by_target["target"].unique().tolist() == ["cpu_percent", "load_average"]


def test_folds_are_drawn_and_shown_with_mean_and_spread(
    make_inputs: MakeInputs, folds: list[FoldScore]
) -> None:
    evaluation = evaluate(make_inputs(folds=folds, times=times(16)))
    figures = draw_figures(evaluation)
    assert "folds.svg" in figures.files()
    page = render_report(evaluation, figures)
    assert "3 further models were trained" in page
    assert "with a spread (standard deviation) of" in page
    assert page.count("2025-01-06 00:00 UTC") >= 1


def test_one_fold_has_no_spread(make_inputs: MakeInputs, folds: list[FoldScore]) -> None:
    evaluation = evaluate(make_inputs(folds=folds[:1], times=times(16)))
    assert "wQL_folds_spread" not in evaluation.headline
    page = render_report(evaluation, draw_figures(evaluation))
    assert "1 further model was trained" in page
    assert "standard deviation" not in page


def test_without_folds_there_is_the_test_span_alone_and_no_section(make_inputs: MakeInputs) -> None:
    evaluation = evaluate(make_inputs(times=times(16)))
    assert evaluation.tables["folds"]["span"].tolist() == ["test"]
    assert not {"folds_summary", "folds_by_target", "unseen"} & set(evaluation.tables)
    figures = draw_figures(evaluation)
    assert "folds" not in figures.charts
    assert "Does it hold at other times?" not in render_report(evaluation, figures)


def test_unseen_servers_have_a_headline_of_their_own(make_inputs: MakeInputs) -> None:
    evaluation = evaluate(make_inputs(held_out=["b"]))
    rows = evaluation.scores["tft"].rows
    own = rows[rows["server"] == "b"]
    each = [part["loss"].sum() / part["actual"].abs().sum() for _, part in own.groupby("target")]
    assert evaluation.headline["wQL_unseen"] == pytest.approx(np.mean(each))
    table = evaluation.tables["unseen"]
    assert set(table["model"]) == set(evaluation.scores)
    counts = table[(table["model"] == "tft") & (table["target"] == "all")].set_index("servers")["rows"]
    assert counts.to_dict() == {"unseen": len(own), "seen": len(rows) - len(own)}
    page = render_report(evaluation, draw_figures(evaluation))
    assert "1 server was left out of training and validation" in page


def test_unseen_servers_without_an_actual_leave_no_headline(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    telemetry = inputs.telemetry.copy()
    gone = (telemetry["server"] == "b") & (telemetry["timestamp"] >= inputs.test_start["b"])
    telemetry.loc[gone, ["cpu_percent", "load_average"]] = np.nan
    evaluation = evaluate(make_inputs(telemetry=telemetry, held_out=["b"]))
    assert "wQL_unseen" not in evaluation.headline
    assert render_report(evaluation, draw_figures(evaluation))


def test_names_of_unseen_servers_are_escaped(make_inputs: MakeInputs) -> None:
    hostile = "<script>alert('x')</script>"
    evaluation = evaluate(make_inputs(names=("a", hostile), held_out=[hostile]))
    assert hostile not in render_report(evaluation, draw_figures(evaluation))

"""How calibration is measured and shown: tables, chart and report, before and after."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from hostcast.evaluation import EvaluationInputs, evaluate
from hostcast.evaluation.figures.reliability import draw_reliability
from hostcast.evaluation.report.calibration import calibration_facts

MakeInputs = Callable[..., EvaluationInputs]
TARGETS = ["cpu_percent", "load_average"]


def narrowed(forecasts: pd.DataFrame) -> pd.DataFrame:
    """The same medians, with intervals of half the width."""
    table = forecasts.copy()
    for name in [name for name in table.columns if name.startswith("q0.")]:
        table[name] = 0.5 * (forecasts[name] + forecasts["q0.5"])
    return table


def test_tables_agree_with_the_scores_and_tell_before_from_after(make_inputs: MakeInputs) -> None:
    inputs = make_inputs(bias=0.0)
    evaluation = evaluate(make_inputs(bias=0.0, uncalibrated=narrowed(inputs.forecasts)))
    table = evaluation.tables["calibration"].set_index(["forecast", "target", "nominal"])
    own = evaluation.scores["tft"].by_target.set_index("target")
    for target in TARGETS:
        after, before = (table.loc[(name, target, 0.8)] for name in ("calibrated", "network"))
        assert after["observed"] == pytest.approx(own.loc[target, "cover80"])
        assert after["width"] == pytest.approx(own.loc[target, "width80"])
        assert before["width"] == pytest.approx(after["width"] / 2)
        assert before["observed"] < after["observed"]
    whole = table.loc[("calibrated", "all", 0.8)]
    assert whole["observed"] == pytest.approx(own["cover80"].mean())
    assert set(evaluation.tables["calibration"]["nominal"]) == {0.5, 0.8, 0.9}


def test_breakdowns_by_step_and_by_server_add_up_to_the_whole(make_inputs: MakeInputs) -> None:
    evaluation = evaluate(make_inputs())
    tables = evaluation.tables
    counts = evaluation.scores["tft"].rows
    assert set(tables["calibration"]["forecast"]) == {"network"}
    whole = tables["calibration"].set_index(["target", "nominal"])
    for key in ("horizon_hours", "server"):
        name = {"horizon_hours": "calibration_by_horizon", "server": "calibration_by_server"}[key]
        part = tables[name][tables[name]["target"] == "cpu_percent"]
        rows = counts[counts["target"] == "cpu_percent"].groupby(key).size()
        for nominal, each in part.groupby("nominal"):
            weights = rows.loc[each[key]].to_numpy()
            for measure in ("observed", "width"):
                mean = np.average(each[measure], weights=weights)
                assert mean == pytest.approx(whole.loc[("cpu_percent", nominal), measure])


def test_the_chart_has_a_panel_for_each_that_was_made(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    alone = evaluate(inputs).tables["calibration"]
    both = evaluate(make_inputs(uncalibrated=narrowed(inputs.forecasts))).tables["calibration"]
    one, two = (draw_reliability(table, TARGETS) for table in (alone, both))
    assert one.count('id="axes_') == 1
    assert two.count('id="axes_') == 2
    assert two == draw_reliability(both, TARGETS)


def test_the_report_says_what_calibration_changed_and_where_bands_hold_least(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    evaluation = evaluate(make_inputs(uncalibrated=narrowed(inputs.forecasts)))
    facts = calibration_facts(evaluation.tables, inputs.params.calibration)
    assert "come true" in facts["sentence"]
    assert [(row["name"], row["nominal"]) for row in facts["metrics"]][:2] == [
        ("cpu", 0.5),
        ("load average", 0.5),
    ]
    assert all(row["width_before"] == pytest.approx(row["width"] / 2) for row in facts["metrics"])
    shares = [row["observed"] for row in facts["servers"]]
    assert shares == sorted(shares)
    without = calibration_facts(evaluate(inputs).tables, inputs.params.calibration)
    assert without["sentence"] == ""
    assert len(without["metrics"]) == 6

"""Targets with awkward names and values: called `all`, all zero, constant, not finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hostcast.errors import HostcastError
from hostcast.evaluation import (
    EvaluationInputs,
    draw_figures,
    evaluate,
    last_value,
    render_report,
    score,
)

SEASON = 24
MakeInputs = Callable[..., EvaluationInputs]


def _constant(
    inputs: EvaluationInputs, settings: dict[str, Any], value: float, bias: float
) -> EvaluationInputs:
    telemetry = inputs.telemetry.assign(cpu_percent=np.float32(value), load_average=np.float32(value))
    table = last_value(telemetry, inputs.cutoffs, inputs.test_start, **settings)
    table[[name for name in table.columns if name.startswith("q0.")]] += bias
    return replace(inputs, telemetry=telemetry, forecasts=table)


def test_a_target_may_be_called_all(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    names = {"cpu_percent": "all"}
    base = inputs.params.base.model_copy(update={"target_metrics": ["all", "load_average"]})
    ranges = {"all": [0, 100], "load_average": [0, None]}
    settings = inputs.params.prepare.model_copy(update={"ranges": ranges})
    renamed = replace(
        inputs,
        telemetry=inputs.telemetry.rename(columns=names),
        forecasts=inputs.forecasts.replace({"target": names}),
        params=inputs.params.model_copy(update={"base": base, "prepare": settings}),
    )
    plain, own = evaluate(inputs), evaluate(renamed)
    pd.testing.assert_frame_equal(own.tables["horizon"], plain.tables["horizon"])
    assert len(own.tables["by_target"]) == len(plain.tables["by_target"])
    assert "How far ahead" in render_report(own, draw_figures(own))


def test_the_mean_error_over_the_steps_is_the_overall_error(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    filled = inputs.telemetry.ffill().bfill()
    filled.loc[filled["timestamp"].dt.hour == 3, "load_average"] = 0
    result = score(inputs.forecasts, filled, SEASON)
    steps = result.by_horizon.groupby("target")["wQL"].mean()
    np.testing.assert_allclose(steps, result.by_target.set_index("target")["wQL"], rtol=1e-12)
    assert steps.mean() == pytest.approx(result.overall["wQL"])


def test_a_step_at_which_all_is_zero_has_an_error_like_any_other(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    first = inputs.forecasts.groupby(["server", "cutoff"])["timestamp"].min().unique()
    telemetry = inputs.telemetry.copy()
    telemetry.loc[telemetry["timestamp"].isin(first), "load_average"] = 0
    assert evaluate(replace(inputs, telemetry=telemetry)).tables["horizon"]["tft"].max() < 10


def test_a_target_that_is_always_zero_is_in_no_mean_over_steps(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    result = score(inputs.forecasts, inputs.telemetry.assign(load_average=np.float32(0)), SEASON)
    table = result.by_horizon
    assert table.loc[table["target"] == "load_average", "wQL"].isna().all()
    assert table.loc[table["target"] == "cpu_percent", "wQL"].notna().all()
    assert result.by_target.set_index("target").loc["load_average", "wQL"] > 1e6


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_an_exact_baseline_is_said_to_be_exact(
    make_inputs: MakeInputs, settings: dict[str, Any], value: float
) -> None:
    evaluation = evaluate(_constant(make_inputs(), settings, value, bias=0.5))
    page = render_report(evaluation, draw_figures(evaluation))
    assert "the baseline is exact" in page
    assert "skill" not in evaluation.headline


def test_a_model_as_exact_as_the_baseline_is_no_worse(
    make_inputs: MakeInputs, settings: dict[str, Any]
) -> None:
    evaluation = evaluate(_constant(make_inputs(), settings, 3.0, bias=0.0))
    assert evaluation.headline["skill"] == 0
    assert "On average no better than" in render_report(evaluation, draw_figures(evaluation))


def test_skill_against_a_last_value_without_error_is_unknown(
    make_inputs: MakeInputs, settings: dict[str, Any]
) -> None:
    scores = evaluate(_constant(make_inputs(), settings, 3.0, bias=0.5)).scores
    assert scores["tft"].by_target["MAE_skill"].isna().all()


def test_a_forecast_that_is_not_finite_is_named(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    table = inputs.forecasts.copy()
    spot = (table["server"] == "b") & (table["target"] == "load_average")
    table.loc[spot, "q0.5"] = np.inf
    cutoff = table.loc[spot, "cutoff"].min()
    with pytest.raises(HostcastError) as caught:
        score(table, inputs.telemetry, SEASON)
    said = str(caught.value)
    assert "'load_average' on server 'b'" in said
    assert f"{cutoff:%Y-%m-%d %H:%M} UTC" in said
    assert "train.learning_rate" in caught.value.remedy

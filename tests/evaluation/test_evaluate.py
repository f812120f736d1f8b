"""The evaluation as a whole: comparison, tables, headline numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hostcast.errors import HostcastError
from hostcast.evaluation import EvaluationInputs, evaluate, write_evaluation
from hostcast.evaluation.figures.forecasts import choose_pictures

MakeInputs = Callable[..., EvaluationInputs]


def _write(inputs: EvaluationInputs, root: Path) -> dict[str, bytes]:
    write_evaluation(
        evaluate(inputs),
        metrics=root / "metrics.json",
        tables=root / "tables",
        plots=root / "plots",
        report=root / "report.html",
    )
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_model_equal_to_a_baseline_has_its_score_and_no_skill(make_inputs: MakeInputs) -> None:
    evaluation = evaluate(make_inputs(bias=0.0))
    table = evaluation.leaderboard.set_index("model")
    assert table.index.to_list() == ["tft", "last_value", "seasonal_naive", "lightgbm"]
    measures = ["wQL", "sQL", "MAE", "MASE", "cover80", "width80"]
    np.testing.assert_allclose(
        table.loc["tft", measures].to_numpy("float64"), table.loc["last_value", measures].to_numpy("float64")
    )
    best = table.loc[["last_value", "seasonal_naive", "lightgbm"], "wQL"].min()
    assert evaluation.headline["skill"] == pytest.approx(1 - table.loc["tft", "wQL"] / best)


def test_the_noise_floor_is_a_row_of_the_leaderboard_when_it_is_known(make_inputs: MakeInputs) -> None:
    oracle = make_inputs(bias=0.0).forecasts
    evaluation = evaluate(make_inputs(bias=5.0, oracle=oracle))
    table = evaluation.leaderboard.set_index("model")
    assert table.loc["noise_floor", "wQL"] < table.loc["tft", "wQL"]
    assert "noise_floor" in evaluation.tables["horizon"].columns


def test_headline_numbers_are_flat_few_and_as_exact_as_the_scores(
    make_inputs: MakeInputs, tmp_path: Path
) -> None:
    inputs = make_inputs()
    evaluation = evaluate(inputs)
    written = json.loads(_write(inputs, tmp_path)["metrics.json"])
    assert list(written) == [
        *("wQL", "sQL", "MASE", "cover80", "width80"),
        *("wQL_last_value", "wQL_seasonal_naive", "wQL_lightgbm", "skill", "skill_low", "skill_high"),
    ]
    assert written["wQL"] == evaluation.scores["tft"].overall["wQL"]


def test_what_can_not_be_computed_is_left_out_of_the_headline(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    long_season = inputs.params.model_copy(
        update={"evaluate": inputs.params.evaluate.model_copy(update={"season": 10_000})}
    )
    headline = evaluate(make_inputs(params=long_season)).headline
    assert "sQL" not in headline
    assert "MASE" not in headline
    assert "wQL" in headline


def test_forecasts_of_other_rows_than_the_baselines_are_refused(make_inputs: MakeInputs) -> None:
    short = make_inputs().forecasts.iloc[:-1]
    with pytest.raises(ValueError, match="other rows"):
        evaluate(make_inputs(forecasts=short))


def test_a_test_span_without_one_actual_is_refused(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    telemetry = inputs.telemetry.copy()
    start = min(inputs.test_start.values())
    telemetry.loc[telemetry["timestamp"] >= start, ["cpu_percent", "load_average"]] = np.nan
    with pytest.raises(HostcastError, match="no forecast has an observed value"):
        evaluate(make_inputs(telemetry=telemetry))


def test_same_inputs_give_the_same_bytes_in_every_file(make_inputs: MakeInputs, tmp_path: Path) -> None:
    one = _write(make_inputs(), tmp_path / "one")
    shuffled = make_inputs()
    other = _write(
        make_inputs(
            forecasts=shuffled.forecasts.sample(frac=1, random_state=1),
            telemetry=shuffled.telemetry.sample(frac=1, random_state=2),
            cutoffs=shuffled.cutoffs.sample(frac=1, random_state=3),
        ),
        tmp_path / "other",
    )
    assert one == other
    assert {"metrics.json", "report.html", "tables/leaderboard.csv", "plots/forecast-01.svg"} <= set(one)


def test_pictures_show_the_best_and_the_worst_server(make_inputs: MakeInputs) -> None:
    result = evaluate(make_inputs(names=("a", "b", "c", "d", "e"))).scores["tft"]
    errors = result.by_server.groupby("server")["sQL"].mean().sort_values()
    pictures = choose_pictures(result, 3)
    assert [p.server for p in pictures] == [errors.index[0], errors.index[2], errors.index[4]]
    assert [p.rank for p in pictures] == [1, 3, 5]
    assert len(choose_pictures(result, 50)) == 5
    assert choose_pictures(result, 0) == []


def test_a_metric_that_rests_at_zero_for_an_hour_does_not_swamp_the_error_by_horizon(
    make_inputs: MakeInputs,
) -> None:
    inputs = make_inputs()
    telemetry = inputs.telemetry.copy()
    telemetry.loc[telemetry["timestamp"].dt.hour == 5, "load_average"] = 0.0
    scores = evaluate(make_inputs(telemetry=telemetry)).scores["tft"]
    load = scores.by_horizon[scores.by_horizon["target"] == "load_average"]
    overall = scores.by_target.set_index("target").loc["load_average", "wQL"]
    assert np.average(load["wQL"], weights=load["rows"]) == pytest.approx(overall)

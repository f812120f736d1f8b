"""The baselines of a run: the same cutoffs, nothing from the future, the same bytes every time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.forecasting.theta import ThetaModel

from fleet import shipped
from hostcast.errors import HostcastError
from hostcast.evaluation import EvaluationInputs, draw_figures, evaluate, last_value, render_report
from hostcast.evaluation.baselines import Task, boosting, make_baselines
from hostcast.evaluation.baselines.boosting_examples import drawn, fleet_seen
from hostcast.evaluation.baselines.intervals import choose_recent
from hostcast.evaluation.baselines.points import carry, points_of
from hostcast.evaluation.baselines.stretching import fit_stretch
from hostcast.evaluation.baselines.task import Series, fleet_of
from hostcast.evaluation.baselines.theta import theta_rule
from hostcast.params import LightgbmParams, parse_params

MakeInputs = Callable[..., EvaluationInputs]
NAMES = ["last_value", "seasonal_naive", "theta", "lightgbm"]
SMALL = LightgbmParams(rows=4000, rounds=15, leaves=15, learning_rate=0.2)
SEASON = 24


@dataclass(frozen=True)
class Ask:
    """A fleet, and what is asked about it."""

    inputs: EvaluationInputs
    task: Task

    def make(self, names: list[Any], *, seed: int = 1) -> dict[str, pd.DataFrame]:
        given = self.inputs
        return make_baselines(
            names,
            given.telemetry,
            given.cutoffs,
            given.training,
            given.validation,
            given.test_start,
            self.task,
            lightgbm=SMALL,
            seed=seed,
        )

    def fleet(self) -> list[Series]:
        given = self.inputs
        return fleet_of(
            given.telemetry,
            given.cutoffs,
            given.training,
            given.validation,
            given.test_start,
            self.task.targets,
        )

    def with_telemetry(self, telemetry: pd.DataFrame) -> Ask:
        return Ask(replace(self.inputs, telemetry=telemetry), self.task)

    def changed_from(self, instants: dict[str, pd.Timestamp], *, gaps: bool = False) -> Ask:
        """Another future: of each server, what comes at its instant and later is something else."""
        telemetry = self.inputs.telemetry.copy()
        later = (telemetry["timestamp"] >= telemetry["server"].map(instants)).to_numpy()
        values = np.random.default_rng(3).uniform(0, 100, (int(later.sum()), len(self.task.targets)))
        telemetry.loc[later, list(self.task.targets)] = np.nan if gaps else values.astype("float32")
        return self.with_telemetry(telemetry)


@pytest.fixture
def ask(make_inputs: MakeInputs, settings: dict[str, Any]) -> Ask:
    asked = {name: value for name, value in settings.items() if name != "recent"}
    return Ask(make_inputs(), Task(**asked, season=SEASON))


def test_all_baselines_forecast_the_very_same_rows_finite_in_order_and_in_range(
    ask: Ask, settings: dict[str, Any]
) -> None:
    given = ask.inputs
    rows = last_value(given.telemetry, given.cutoffs, given.test_start, **settings)
    keys = ["server", "cutoff", "timestamp", "target"]
    made = ask.make(NAMES)
    assert list(made) == NAMES
    for table in made.values():
        pd.testing.assert_frame_equal(table[keys], rows[keys])
        assert list(table.columns) == list(rows.columns)
        quantiles = table.filter(like="q0.").to_numpy("float64")
        assert np.isfinite(quantiles).all()
        assert (np.diff(quantiles, axis=1) >= 0).all()
        assert quantiles.min() >= 0
        assert quantiles[(table["target"] == "cpu_percent").to_numpy()].max() <= 100


@pytest.mark.parametrize("gaps", [False, True])
def test_nothing_after_a_cutoff_changes_its_forecast(ask: Ask, gaps: bool) -> None:
    first = ask.inputs.cutoffs.groupby("server")["cutoff"].min()
    later = {str(name): cutoff + ask.task.step for name, cutoff in first.items()}
    before, after = ask.make(NAMES), ask.changed_from(later, gaps=gaps).make(NAMES)
    for name in NAMES:
        known, other = (
            table[table["cutoff"] == table["server"].map(first)] for table in (before[name], after[name])
        )
        assert len(known)
        pd.testing.assert_frame_equal(known, other)


def test_gradient_boosting_learns_from_the_training_span_alone(ask: Ask) -> None:
    ends = {name: span[1] for name, span in ask.inputs.training.items()}
    plain, changed = (
        drawn(fleet_seen(one.fleet(), ask.task), 0, ask.task.horizon, 4000, seed=1)
        for one in (ask, ask.changed_from(ends))
    )
    assert len(plain.actual) > 1000
    np.testing.assert_array_equal(plain.seen.inputs, changed.seen.inputs)
    np.testing.assert_array_equal(plain.actual, changed.actual)


def test_a_server_without_a_training_span_is_forecast_and_not_learned_from(ask: Ask) -> None:
    training = {name: span for name, span in ask.inputs.training.items() if name != "b"}
    without = Ask(replace(ask.inputs, training=training), ask.task)
    telemetry = ask.inputs.telemetry.copy()
    telemetry.loc[telemetry["server"] == "b", list(ask.task.targets)] += np.float32(30)
    own, other = (
        drawn(fleet_seen(one.fleet(), ask.task), 0, ask.task.horizon, 4000, seed=1)
        for one in (without, without.with_telemetry(telemetry))
    )
    np.testing.assert_array_equal(own.seen.inputs, other.seen.inputs)
    for table in without.make(NAMES).values():
        assert "b" in set(table["server"])


def test_theta_is_fitted_to_the_training_span_alone(ask: Ask) -> None:
    ends = {name: span[1] for name, span in ask.inputs.training.items()}
    for plain, changed in zip(ask.fleet(), ask.changed_from(ends).fleet(), strict=True):
        rows = slice(0, plain.training.stop)
        known, other = (points_of([one], theta_rule(SEASON), 0)[0] for one in (plain, changed))
        for ahead in (1, 5):
            np.testing.assert_array_equal(known(ahead)[rows], other(ahead)[rows])


@pytest.mark.parametrize("season", [1, SEASON])
def test_theta_at_the_end_of_the_training_span_is_the_librarys_own_forecast(season: int) -> None:
    hours = np.arange(211)
    noise = np.random.default_rng(5).normal(0, 1, len(hours)).cumsum()
    values = 50 + 8 * np.sin(2 * np.pi * hours / SEASON) + 0.05 * hours + noise
    points = theta_rule(season)(values, values, range(200))
    model = ThetaModel(values[:200], period=season, deseasonalize=season > 1, method="additive")
    expected = model.fit().forecast(11).to_numpy("float64")
    np.testing.assert_allclose([points(ahead)[199] for ahead in range(1, 12)], expected, rtol=1e-9)


def test_theta_of_a_standing_or_hardly_known_server_carries_the_last_value() -> None:
    for values in (np.full(200, 7.0), np.r_[np.full(180, np.nan), np.arange(20.0)]):
        np.testing.assert_array_equal(theta_rule(SEASON)(values, values, range(200))(3), values)


def test_the_same_seed_gives_the_same_forecasts_on_any_number_of_cores(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask.make(NAMES)
    monkeypatch.setattr(boosting, "_cores", lambda: 5)
    again, other = ask.make(NAMES), ask.make(["lightgbm"], seed=2)
    for name in NAMES:
        pd.testing.assert_frame_equal(first[name], again[name], check_exact=True)
    assert not first["lightgbm"].equals(other["lightgbm"])


def test_gradient_boosting_knows_a_pattern_that_the_last_value_misses(ask: Ask) -> None:
    made = ask.make(["last_value", "lightgbm"])
    observed = ask.inputs.telemetry.set_index(["server", "timestamp"])["cpu_percent"]
    errors = {}
    for name, table in made.items():
        cpu = table[table["target"] == "cpu_percent"]
        actual = observed.reindex(pd.MultiIndex.from_frame(cpu[["server", "timestamp"]])).to_numpy("float64")
        errors[name] = np.nanmean(np.abs(actual - cpu["q0.5"].to_numpy("float64")))
    assert errors["lightgbm"] < 0.7 * errors["last_value"]


def test_a_server_never_observed_takes_the_distribution_of_the_fleet(ask: Ask) -> None:
    telemetry = ask.inputs.telemetry.copy()
    telemetry.loc[telemetry["server"] == "b", "load_average"] = np.nan
    for table in ask.with_telemetry(telemetry).make(NAMES).values():
        own = table[(table["server"] == "b") & (table["target"] == "load_average")].filter(like="q0.")
        assert len(own.drop_duplicates()) == 1
        assert np.isfinite(own.to_numpy("float64")).all()


def test_errors_are_taken_from_so_much_of_the_past_as_forecasts_the_validation_span_best() -> None:
    random = np.random.default_rng(6)
    season, horizon = 100, 10
    task = Task(["x"], horizon, pd.Timedelta(1, unit="h"), [0.1, 0.5, 0.9], {}, season)
    times = pd.date_range("2025-01-01", periods=4000, freq="1h", tz="UTC").as_unit("us")
    wild, calm = random.normal(0, 10, 4000), random.normal(0, 1, 4000)

    def chosen(values: np.ndarray) -> int:
        series = Series("a", times, values[:, None], range(3000), range(3000, 3600), 3600, np.array([3600]))
        return choose_recent([series], points_of([series], carry, 0), 0, task)

    assert chosen(np.where(np.arange(4000) < 2400, wild, calm)) == 500
    # a spread that comes back as it was long ago is worth remembering
    assert chosen(np.where((np.arange(4000) < 1500) | (np.arange(4000) >= 3000), wild, calm)) == 2800


def test_quantiles_are_stretched_until_they_hold_what_they_should() -> None:
    actual = np.random.default_rng(7).normal(5, 1, 40_000)
    narrow = np.tile(5 + 0.5 * np.array([-1.2816, 0.0, 1.2816]), (len(actual), 1))
    levels = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    stretched = fit_stretch(narrow, actual, levels).apply(narrow[:1])[0]
    np.testing.assert_allclose(
        stretched, 5 + np.array([-1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645]), atol=0.06
    )


def test_without_a_validation_span_further_levels_are_those_of_a_normal_distribution() -> None:
    quantiles = np.array([[-1.2816, 0.0, 1.2816]])
    stretched = fit_stretch(quantiles[:0], np.empty(0), [0.05, 0.1, 0.5, 0.9]).apply(quantiles)
    np.testing.assert_allclose(stretched, [[-1.6449, -1.2816, 0.0, 1.2816]], atol=1e-3)


def test_a_target_without_a_value_in_the_training_span_is_forecast_by_its_last_value(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = ask.inputs.telemetry.copy()
    cut = min(end for _, end in ask.inputs.training.values())
    telemetry.loc[telemetry["timestamp"] < cut, "load_average"] = np.nan
    made = ask.with_telemetry(telemetry).make(["last_value", "lightgbm"])
    own, carried = (made[name][made[name]["target"] == "load_average"] for name in ("lightgbm", "last_value"))
    pd.testing.assert_frame_equal(own, carried)
    assert "nothing to learn 'load_average' from" in caplog.text


def test_libraries_of_baselines_are_loaded_only_when_they_are_asked_for() -> None:
    code = "import sys, hostcast.evaluation; print({'lightgbm', 'statsmodels'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("value", [[], ["theta", "theta"], ["arima"]])
def test_params_name_baselines_that_exist_and_each_once(value: list[str]) -> None:
    content = shipped()
    content["evaluate"]["baselines"] = value
    with pytest.raises(HostcastError, match=r"evaluate\.baselines"):
        parse_params(content)


def test_only_the_baselines_that_were_asked_for_are_in_the_report(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    chosen = inputs.params.evaluate.model_copy(update={"baselines": ["theta", "last_value"]})
    evaluation = evaluate(replace(inputs, params=inputs.params.model_copy(update={"evaluate": chosen})))
    assert list(evaluation.scores) == ["tft", "last_value", "theta"]
    assert "wQL_theta" in evaluation.headline
    page = render_report(evaluation, draw_figures(evaluation))
    assert "Theta" in page
    assert "LightGBM" not in page

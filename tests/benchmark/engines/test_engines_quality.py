"""Time to quality: whose clock, whose goal, whose params."""

from __future__ import annotations

from pathlib import Path

import pytest
from engines_data import quick_params, write_tiny

from hostcast.benchmark.engines.quality import race_engines
from hostcast.benchmark.engines.race import Course, Race, Validation, reached_at, run_race
from hostcast.benchmark.engines.recipes import recipes
from hostcast.errors import HostcastError

BOTH = {"reference": "reference", "fused": "reference"}


def course(*losses: float) -> Course:
    return Course("reference", 1, [Validation(float(10 + n), loss) for n, loss in enumerate(losses)], 99.0)


def test_a_goal_is_reached_at_the_first_validation_that_is_as_good():
    assert reached_at(course(0.5, 0.3, 0.2, 0.3), 0.3) == 11.0
    assert reached_at(course(0.5, 0.3), 0.2) is None
    assert course(0.5, 0.3, 0.4).best == 0.3


def test_each_engine_may_have_a_recipe_of_its_own_and_both_are_validated_alike():
    params = quick_params(
        reference_recipe={"learning_rate": 0.02, "validation_windows": 20},
        fused_recipe={"learning_rate": 0.03, "validation_windows": 7},
    )
    own = recipes(params, {"reference": "reference", "fused": "fused"})

    assert (own["reference"].train.learning_rate, own["fused"].train.learning_rate) == (0.02, 0.03)
    assert own["fused"].train.validation_windows == own["reference"].train.validation_windows == 20
    assert (own["reference"].train.engine, own["fused"].train.engine) == ("reference", "fused")


def test_a_recipe_that_train_could_not_have_is_refused_before_anything_is_measured():
    with pytest.raises(HostcastError, match=r"benchmark\.fused_recipe: epochs"):
        recipes(quick_params(fused_recipe={"epochs": 0}), BOTH)
    with pytest.raises(HostcastError, match=r"benchmark\.reference_recipe: speed"):
        recipes(quick_params(reference_recipe={"speed": 9}), BOTH)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTCAST_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_race_stops_at_its_goal_and_leaves_nothing_behind(tmp_path: Path, state: Path):
    params = recipes(quick_params(), BOTH)["reference"]
    folder = write_tiny(tmp_path / "data")
    whole = run_race(Race(folder, params, "cpu", 1, 5, None))
    stopped = run_race(Race(folder, params, "cpu", 1, 5, whole.validations[0].val_loss))

    assert len(whole.validations) == 3
    assert [one.val_loss for one in stopped.validations] == [whole.validations[0].val_loss]
    assert whole.seconds > whole.validations[-1].seconds > whole.validations[0].seconds > 0
    assert list(state.iterdir()) == []


def test_an_engine_that_races_itself_reaches_the_goal(tmp_path: Path, state: Path):
    runs, reason = race_engines(
        "fleet", write_tiny(tmp_path / "data"), recipes(quick_params(), BOTH), "cpu", 1
    )

    assert reason is None
    assert [run.role for run in runs] == ["reference", "fused"]
    assert runs[0].goal == runs[1].goal == runs[0].course.best
    assert all(run.seconds is not None for run in runs)


def test_data_that_is_not_there_is_said_to_be_missing(tmp_path: Path):
    runs, reason = race_engines("smd", tmp_path, recipes(quick_params(), BOTH), "cpu", 1)

    assert runs == []
    assert "there is no" in str(reason)

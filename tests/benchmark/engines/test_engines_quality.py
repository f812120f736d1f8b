"""Time to quality: whose clock, whose goal, whose params."""

from __future__ import annotations

from pathlib import Path

import pytest
from engines_data import quick_params, write_tiny

from hostcast.benchmark.engines.quality import race_engines
from hostcast.benchmark.engines.race import Course, Race, Validation, reached_at, run_race
from hostcast.benchmark.engines.recipes import make_recipes
from hostcast.errors import HostcastError

ENGINES = {"reference": "reference", "fused": "fused"}
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
    own = make_recipes(params, ENGINES, "cpu")

    assert (own.reference.train.learning_rate, own.fused.train.learning_rate) == (0.02, 0.03)
    assert own.fused.train.validation_windows == own.reference.train.validation_windows == 20
    assert (own.reference.train.engine, own.fused.train.engine) == ("reference", "fused")


def test_a_gpu_may_have_a_recipe_of_its_own():
    both = quick_params(fused_recipe={"epochs": 12}, fused_recipe_cuda={"batch_size": 512})
    one = quick_params(fused_recipe={"epochs": 12})
    none = quick_params(fused_recipe={"epochs": 12}, fused_recipe_cuda={})
    usual = both.train

    def of(params, device):
        train = make_recipes(params, ENGINES, device).fused.train
        return train.epochs, train.batch_size

    assert of(both, "cpu") == of(one, "cpu") == of(one, "cuda") == (12, usual.batch_size)
    assert of(both, "cuda") == (usual.epochs, 512)
    assert of(none, "cuda") == (usual.epochs, usual.batch_size)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_both_may_train_with_the_fused_engines_recipe(device):
    params = quick_params(
        same_recipe=True,
        reference_recipe={"learning_rate": 0.02},
        fused_recipe={"learning_rate": 0.03, "validation_windows": 7},
        fused_recipe_cuda={"learning_rate": 0.04, "target_weights": {"cpu_percent": 2.0}},
    )
    own = make_recipes(params, ENGINES, device)
    reference, fused = own.reference.train.model_dump(), own.fused.train.model_dump()

    assert (reference.pop("engine"), fused.pop("engine")) == ("reference", "fused")
    assert reference == fused
    assert fused["learning_rate"] == (0.03 if device == "cpu" else 0.04)
    assert own.to_dict()["same_recipe"] is True


def test_what_is_kept_of_recipes_is_section_train_and_what_each_has_instead():
    params = quick_params(fused_recipe={"epochs": 12, "learning_rate": 0.01})
    kept = make_recipes(params, ENGINES, "cpu").to_dict()

    assert kept["train"] == params.train.model_dump()
    assert kept["reference"] == {"engine": "reference", "tensorboard_enabled": False}
    assert kept["fused"] == {"epochs": 12, "tensorboard_enabled": False}
    for role, engine in ENGINES.items():
        assert (kept["train"] | kept[role])["engine"] == engine
    assert kept["same_recipe"] is False


def test_a_recipe_that_train_could_not_have_is_refused_before_anything_is_measured():
    with pytest.raises(HostcastError, match=r"benchmark\.fused_recipe: epochs"):
        make_recipes(quick_params(fused_recipe={"epochs": 0}), BOTH, "cpu")
    with pytest.raises(HostcastError, match=r"benchmark\.reference_recipe: speed"):
        make_recipes(quick_params(reference_recipe={"speed": 9}), BOTH, "cpu")
    with pytest.raises(HostcastError, match=r"benchmark\.fused_recipe_cuda: precision"):
        make_recipes(quick_params(fused_recipe_cuda={"precision": 8}, same_recipe=True), BOTH, "cuda")
    with pytest.raises(HostcastError, match=r"benchmark\.fused_recipe: checkpoint_every_n_epochs 9 saves"):
        make_recipes(quick_params(fused_recipe={"checkpoint_every_n_epochs": 9}), BOTH, "cpu")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTCAST_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_race_stops_at_its_goal_and_leaves_nothing_behind(tmp_path: Path, state: Path):
    params = make_recipes(quick_params(), BOTH, "cpu").reference
    folder = write_tiny(tmp_path / "data")
    whole = run_race(Race(folder, params, "cpu", 1, 5, None))
    stopped = run_race(Race(folder, params, "cpu", 1, 5, whole.validations[0].val_loss))

    assert len(whole.validations) == 3
    assert [one.val_loss for one in stopped.validations] == [whole.validations[0].val_loss]
    assert whole.seconds > whole.validations[-1].seconds > whole.validations[0].seconds > 0
    assert list(state.iterdir()) == []


def test_an_engine_that_races_itself_reaches_the_goal(tmp_path: Path, state: Path):
    runs, reason = race_engines(
        "fleet", write_tiny(tmp_path / "data"), make_recipes(quick_params(), BOTH, "cpu"), "cpu", 1
    )

    assert reason is None
    assert [run.role for run in runs] == ["reference", "fused"]
    assert runs[0].goal == runs[1].goal == runs[0].course.best
    assert all(run.seconds is not None for run in runs)


def test_data_that_is_not_there_is_said_to_be_missing(tmp_path: Path):
    runs, reason = race_engines("smd", tmp_path, make_recipes(quick_params(), BOTH, "cpu"), "cpu", 1)

    assert runs == []
    assert "there is no" in str(reason)

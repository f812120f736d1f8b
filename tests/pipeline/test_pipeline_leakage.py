"""From raw files to forecasts, nothing depends on what comes later."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from project import Project

from hostcast.parts import read_frame
from hostcast.training.checkpoint_io import load_checkpoint, state_of

TARGETS = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
FEATURES = ["data/features/table"]
DAYS, STEP = 6, pd.Timedelta("30min")
START = pd.Timestamp("2025-01-06", tz="UTC")
# shares of 0.2 each, of 288 steps from START
VALIDATION = START + 172 * STEP
TEST = START + 230 * STEP
MIDDLE_OF_TEST = START + 260 * STEP


def made_fleet() -> pd.DataFrame:
    """Three servers with noise, some gaps and two inputs beside the targets."""
    random = np.random.default_rng(11)
    times = pd.date_range(START, periods=288, freq=STEP, unit="us")
    parts = []
    for number in range(3):
        day = np.sin(np.arange(288) * 2 * np.pi / 48 + number)
        part = pd.DataFrame({"server": f"web-{number}", "timestamp": times})
        for place, name in enumerate(TARGETS):
            part[name] = 40 + 5 * place + 15 * day + random.normal(0, 3, 288)
        part["queue"] = random.poisson(4, 288).astype(float)
        gaps = random.random((288, 5)) < 0.02
        part[[*TARGETS, "queue"]] = part[[*TARGETS, "queue"]].mask(gaps)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def changed_from(fleet: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Another future: every value from `instant` on is drawn anew, in another range, with other gaps."""
    random = np.random.default_rng(12)
    later = (fleet["timestamp"] >= instant).to_numpy()
    changed = fleet.copy()
    values = random.uniform(0, 100, (later.sum(), 5))
    changed.loc[later, [*TARGETS, "queue"]] = np.where(random.random(values.shape) < 0.2, np.nan, values)
    return changed


@pytest.fixture(scope="module")
def run_on(split_done: Project, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    def run(name: str, fleet: pd.DataFrame, last: str, *, refit: bool = True) -> Project:
        project = split_done.copy(tmp_path_factory.mktemp("leakage") / name)
        fleet.to_parquet(project.folder / "data/raw/fleet.parquet")
        project.set(
            {
                "prepare.source": "files",
                "prepare.covariates": ["queue"],
                "featurize.lags": [48],
                "featurize.rolling_windows": [6, 48],
                "featurize.rolling_statistics": ["mean", "std", "min", "max"],
                "featurize.interactions": [["cpu_percent", "queue"]],
                "model.normalizer": "group",
                "train.lr_schedule": "cosine",
                "train.tensorboard_enabled": False,
                "train.refit": refit,
                "evaluate.stride": 1,
            }
        )
        stages = ["prepare", "featurize", "split", "train", "evaluate"]
        for stage in stages[: stages.index(last) + 1]:
            outcome = project.stage(stage)
            assert outcome.code == 0, outcome.text
        return project

    return run


@pytest.fixture(scope="module")
def original(run_on: Callable[..., Project]) -> Project:
    return run_on("original", made_fleet(), "evaluate")


def features_before(project: Project, instant: pd.Timestamp) -> bytes:
    features = read_frame(project.folder / "data/features/table", stage="featurize")
    kept = features[features["timestamp"] < instant]
    assert len(kept) > 100
    return kept.to_csv(index=False, float_format="%.9g").encode()


def spec_of(project: Project) -> object:
    return json.loads((project.folder / "models/tft/model.json").read_text("utf-8"))["spec"]


def test_another_second_half_of_the_test_span_changes_no_earlier_forecast(
    original: Project, run_on: Callable[..., Project]
) -> None:
    changed = run_on("changed", changed_from(made_fleet(), MIDDLE_OF_TEST), "evaluate")
    assert changed.tree("data/features/table") != original.tree("data/features/table")
    assert features_before(changed, MIDDLE_OF_TEST) == features_before(original, MIDDLE_OF_TEST)
    assert changed.tree("data/split/windows.parquet") == original.tree("data/split/windows.parquet")
    assert spec_of(changed) == spec_of(original)
    trained = ("models/tft/weights.safetensors", "models/tft/training_data.json", "reports/train")
    assert changed.tree(*trained) == original.tree(*trained)

    def forecasts(project: Project) -> pd.DataFrame:
        return pd.read_parquet(project.folder / "reports/evaluate/forecasts.parquet")

    one, other = forecasts(original), forecasts(changed)
    # the last cutoff that has seen no changed row is the one a step before
    early = one["cutoff"] < MIDDLE_OF_TEST
    assert early.any()
    assert not early.all()
    assert one["cutoff"].min() == TEST - STEP
    pd.testing.assert_frame_equal(one[early], other[early], check_exact=True)
    assert not one[~early].equals(other[~early])


def test_another_future_from_validation_on_changes_nothing_that_is_trained_before_the_refit(
    run_on: Callable[..., Project],
) -> None:
    original = run_on("plain", made_fleet(), "train", refit=False)
    changed = run_on("changed", changed_from(made_fleet(), VALIDATION), "train", refit=False)
    assert features_before(changed, VALIDATION) == features_before(original, VALIDATION)
    assert spec_of(changed) == spec_of(original)

    def trained(project: Project) -> dict[str, torch.Tensor]:
        last = load_checkpoint(project.folder / "models/checkpoints/last.safetensors")
        return state_of(last, "network.")

    # validation may choose another epoch as the best; what was learned by then is the same
    one, other = trained(original), trained(changed)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    losses = [pd.read_csv(project.folder / "reports/train/history.csv") for project in (original, changed)]
    assert losses[0]["train_loss"].equals(losses[1]["train_loss"])
    assert not losses[0]["val_loss"].equals(losses[1]["val_loss"])

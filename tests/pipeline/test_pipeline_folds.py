"""Walk-forward folds and held-out servers through the whole pipeline: leaks, kills, what is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from project import Project
from test_pipeline_leakage import changed_from, made_fleet

FOLDS = {
    "prepare.source": "files",
    "prepare.covariates": ["queue"],
    "train.tensorboard_enabled": False,
    "split.folds.count": 2,
    "split.folds.period": 36,
    "split.embargo": 4,
    "split.holdout_servers": ["web-1"],
}


@pytest.fixture(scope="module")
def run_on(
    split_done: Project, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, pd.DataFrame], Project]:
    def run(name: str, fleet: pd.DataFrame) -> Project:
        project = split_done.copy(tmp_path_factory.mktemp("folds") / name)
        fleet.to_parquet(project.folder / "data/raw/fleet.parquet")
        project.set(FOLDS)
        project.repro("evaluate")
        return project

    return run


@pytest.fixture(scope="module")
def original(run_on: Callable[[str, pd.DataFrame], Project]) -> Project:
    return run_on("original", made_fleet())


def description(project: Project, fold: int) -> dict[str, Any]:
    """Of a fold's model; the hashes of its inputs are those of whole files, with all that comes later."""
    content: dict[str, Any] = json.loads(
        (project.folder / f"models/folds/{fold}/model.json").read_text("utf-8")
    )
    del content["inputs"]
    return content


def table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.folder / f"reports/evaluate/tables/{name}.csv")


def test_another_future_after_a_fold_changes_neither_its_model_nor_its_score(
    original: Project, run_on: Callable[[str, pd.DataFrame], Project]
) -> None:
    before = table(original, "folds").set_index("span")
    end = pd.Timestamp(before.loc["fold 1", "scored_end"])
    assert end < pd.Timestamp(before.loc["fold 2", "scored_end"])
    changed = run_on("changed", changed_from(made_fleet(), end))
    first = "models/folds/1/weights.safetensors"
    assert changed.tree(first) == original.tree(first)
    assert description(changed, 1) == description(original, 1)
    # the whole was validated on what changed
    assert changed.tree("reports/train/history.csv") != original.tree("reports/train/history.csv")
    after = table(changed, "folds").set_index("span")
    assert after.loc["fold 1"].equals(before.loc["fold 1"])
    assert after.loc["fold 2", "wQL"] != before.loc["fold 2", "wQL"]


def test_no_model_knows_a_held_out_server_and_its_error_is_a_headline(original: Project) -> None:
    for folder in ("tft", "folds/1", "folds/2"):
        content = json.loads((original.folder / f"models/{folder}/model.json").read_text("utf-8"))
        assert content["spec"]["categories"]["server"] == ["web-0", "web-2"]
    forecasts = pd.read_parquet(original.folder / "reports/evaluate/forecasts.parquet")
    assert set(forecasts["server"]) == {"web-0", "web-1", "web-2"}
    metrics = json.loads((original.folder / "reports/evaluate/metrics.json").read_text("utf-8"))
    assert {"wQL_unseen", "wQL_folds", "wQL_folds_spread"} <= set(metrics)
    drift = json.loads((original.folder / "reports/evaluate/drift.json").read_text("utf-8"))
    assert not any(server["new"] for server in drift["servers"])
    page = (original.folder / "reports/report.html").read_text("utf-8")
    assert "Does it hold at other times?" in page
    assert "Servers it was never trained on" in page

"""DVC experiments: single, queued, compared and plotted."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from project import Project
from ruamel.yaml import YAML

SCORES = "reports/evaluate/metrics.json"


@pytest.fixture(scope="module")
def experimented(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One experiment in the workspace, then one from the queue."""
    project = finished.copy(tmp_path_factory.mktemp("experimented") / "project")
    first = project.must("dvc", "exp", "run", "--name", "half", "-S", "train.precision=bf16-mixed")
    assert first.ran == ["train", "evaluate"]
    options = ("-S", "train.precision=32-true", "-S", "train.learning_rate=1e-3", "-S", "train.epochs=1")
    project.must("dvc", "exp", "run", "--queue", "--name", "slower", *options)
    queued = project.must("dvc", "exp", "run", "--run-all")
    assert queued.ran == ["train", "evaluate"], queued.text
    return project


def test_both_experiments_are_shown_with_their_params_and_scores(experimented: Project) -> None:
    shown = json.loads(experimented.must("dvc", "exp", "show", "--json").out)
    (baseline,) = [entry for entry in shown if entry["name"] == "main"]
    experiments = {entry["name"]: entry["revs"][0]["data"] for entry in baseline["experiments"]}
    assert experiments.keys() == {"half", "slower"}
    for data in (*experiments.values(), baseline["data"]):
        assert 0 < data["metrics"][SCORES]["data"]["wQL"] < 10
    trained = {name: data["params"]["params.yaml"]["data"]["train"] for name, data in experiments.items()}
    assert trained["half"]["precision"] == "bf16-mixed"
    assert trained["slower"]["precision"] == "32-true"
    assert trained["slower"]["learning_rate"] == 1e-3
    table = csv.DictReader(io.StringIO(experimented.must("dvc", "exp", "show", "--csv").out))
    scores = {row["Experiment"]: row["wQL"] for row in table}
    assert float(scores["half"]) != float(scores["slower"])


def test_the_workspace_differs_from_the_commit_by_precision_and_score(experimented: Project) -> None:
    params = json.loads(experimented.must("dvc", "params", "diff", "--json").out)
    assert params == {"params.yaml": {"train.precision": {"old": "32-true", "new": "bf16-mixed"}}}
    metrics = json.loads(experimented.must("dvc", "metrics", "diff", "--json").out)
    assert metrics[SCORES]["wQL"]["diff"] != 0
    assert metrics["reports/train/metrics.json"]["val_loss"]["diff"] != 0
    assert "reports/benchmark/metrics.json" not in metrics


@pytest.mark.parametrize("command", [("show",), ("diff", "HEAD", "half", "slower")])
def test_every_declared_plot_has_data(experimented: Project, command: tuple[str, ...]) -> None:
    shown = json.loads(experimented.must("dvc", "plots", *command, "--json").out)
    assert not shown.get("errors")
    revisions = {"workspace"} if command == ("show",) else set(command[1:])
    declared = YAML(typ="safe").load((experimented.folder / "dvc.yaml").read_text("utf-8"))["plots"]
    for plot in declared:
        if isinstance(plot, str):
            pictures = {name: views for name, views in shown["data"].items() if name.startswith(plot)}
            assert pictures, plot
            continue
        (name,) = plot
        (views,) = [views for title, views in shown["data"].items() if title.split("::")[-1] == name]
        points = points_of(views)
        assert {point["rev"] for point in points} == revisions, name
        column, fields = plot[name]["x"], plot[name]["y"].values()
        for field in fields:
            for label in [field] if isinstance(field, str) else field:
                assert any(point.get(label) not in (None, "") for point in points), (name, label)
        assert all(point.get(column) not in (None, "") for point in points), name


def points_of(views: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a Vega plot, whichever way DVC nests them."""
    found: list[dict[str, Any]] = []
    for view in views:
        content = view["content"]
        content = json.loads(content) if isinstance(content, str) else content
        found += content["data"]["values"]
    return found


def test_the_page_of_plots_is_written(experimented: Project) -> None:
    experimented.must("dvc", "plots", "diff", "HEAD", "half", "--out", "shown")
    page = (experimented.folder / "shown/index.html").read_text("utf-8")
    assert "Variable importance" in page

"""A fold's model knows nothing of what comes after the fold, and no model a server that is held out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fleet import TARGETS, Scene, folds, scene
from hostcast.engines.fused.loader import FusedSource
from hostcast.errors import HostcastError
from hostcast.files import sha256_of
from hostcast.model import load_model
from hostcast.splitting import write_split
from hostcast.training import FoldModels, Trained, require_current, train_folds
from hostcast.windows import fit_inputs

Train = Callable[..., Trained]
REALS = [*TARGETS, "queue", "hour_sin"]


def walking(**changes: Any) -> Scene:
    return scene({"split.folds": folds(2, period=12), "split.embargo": 2, **changes})


def run_folds(given: Scene, folder: Path) -> FoldModels:
    files = folder / "split.json", folder / "windows.parquet"
    write_split(given.split, *files)
    provenance: dict[str, Any] = {"inputs": {}}
    return train_folds(
        given.table, given.roles, given.split, given.params, provenance, folder / "state", inputs=files
    )


def models(made: FoldModels) -> list[tuple[str, Any]]:
    """Of each fold, its weights and all that its description says but the hashes of inputs."""
    found = []
    for place in made.kept:
        description = json.loads((place / "model.json").read_text("utf-8"))
        del description["inputs"]
        found.append((sha256_of(place / "weights.safetensors"), description))
    return found


def poisoned(given: Scene, rows: np.ndarray) -> Scene:
    table = given.features.copy()
    numbers = np.random.default_rng(3)
    table.loc[rows, REALS] = numbers.normal(0, 1e4, (int(rows.sum()), len(REALS))).astype("float32")
    return replace(given, features=table)


def test_another_future_after_the_end_of_a_fold_leaves_its_model_as_it_was(tmp_path: Path) -> None:
    given = walking()
    plain = models(run_folds(given, tmp_path / "plain"))
    ends = {span.server: span.validation_end for span in given.split.folds[0].spans}
    position = given.features.groupby("server").cumcount()
    # what the first fold is scored on is no part of its making either
    later = (position >= given.features["server"].map(ends)).to_numpy()
    assert 0 < later.sum() < len(later)
    changed = models(run_folds(poisoned(given, later), tmp_path / "changed"))
    assert changed[0] == plain[0]
    assert changed[1] != plain[1]


def test_what_lies_within_the_training_of_a_fold_does_change_it(tmp_path: Path) -> None:
    given = walking()
    plain = models(run_folds(given, tmp_path / "plain"))
    early = (given.features.groupby("server").cumcount() < 20).to_numpy()
    changed = models(run_folds(poisoned(given, early), tmp_path / "changed"))
    assert all(one != other for one, other in zip(plain, changed, strict=True))


def test_the_model_of_the_whole_is_the_same_with_folds_and_without(
    train_in: Train, weights_equal: Callable[[Any, Any], bool], tmp_path: Path
) -> None:
    alone = train_in(scene(), key="a" * 64)
    given = scene({"split.folds": folds(2, period=12)})
    run_folds(given, tmp_path)
    assert weights_equal(alone.network, train_in(given, key="b" * 64).network)


def test_finished_folds_are_not_trained_again_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from hostcast.training.module import ForecastModule

    given = walking()
    whole = models(run_folds(given, tmp_path / "whole"))
    original = ForecastModule.training_step
    steps = []

    def dying(self: ForecastModule, raw: Any, batch_idx: int) -> Any:
        steps.append(batch_idx)
        if len(steps) == 11:
            raise RuntimeError("killed")
        return original(self, raw, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(ForecastModule, "training_step", dying)
        with pytest.raises(RuntimeError, match="killed"):
            run_folds(given, tmp_path / "broken")
    with caplog.at_level("INFO"):
        made = run_folds(given, tmp_path / "broken")
    assert re.search("fold 1 of 2 was trained before the interruption", caplog.text)
    assert [weights for weights, _ in models(made)] == [weights for weights, _ in whole]
    made.write(tmp_path / "models")
    made.finish()
    assert list((tmp_path / "broken/state/train").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["1", "2", "folds.json"]
    assert load_model(tmp_path / "models/2").provenance["fold"] == 2


def test_a_kept_model_that_was_altered_is_trained_anew(tmp_path: Path) -> None:
    given = walking()
    made = run_folds(given, tmp_path)
    before = models(made)
    (made.kept[0] / "weights.safetensors").write_bytes(b"altered")
    assert models(run_folds(given, tmp_path)) == before


def test_without_folds_the_folder_says_so(tmp_path: Path) -> None:
    made = run_folds(scene(), tmp_path)
    made.write(tmp_path / "models")
    assert json.loads((tmp_path / "models/folds.json").read_text("utf-8")) == {"folds": []}


@pytest.mark.parametrize("normalizer", ["window", "group"])
def test_a_server_that_is_held_out_never_reaches_a_loader_and_changes_nothing_that_is_fitted(
    train_in: Train,
    weights_equal: Callable[[Any, Any], bool],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    normalizer: str,
) -> None:
    loaded: set[str] = set()
    original = FusedSource.loader

    def watched(self: FusedSource, cutoffs: Any, **named: Any) -> Any:
        loaded.update(cutoffs["server"] if isinstance(cutoffs, pd.DataFrame) else cutoffs.servers)
        return original(self, cutoffs, **named)

    monkeypatch.setattr(FusedSource, "loader", watched)
    given = walking(**{"split.holdout_servers": ["web-1"], "model.normalizer": normalizer})
    plain = train_in(given, key="a" * 64)
    of_folds = models(run_folds(given, tmp_path / "plain"))
    assert loaded == {"web-0", "web-2"}
    assert plain.spec.categories["server"] == ["web-0", "web-2"]
    assert plain.spec.categories["role"] == ["front"]
    other = poisoned(given, (given.features["server"] == "web-1").to_numpy())
    changed = train_in(other, key="b" * 64)
    assert plain.spec == changed.spec
    assert weights_equal(plain.network, changed.network)
    assert plain.metrics == changed.metrics
    assert of_folds == models(run_folds(other, tmp_path / "changed"))


def test_scales_of_a_sliding_fold_are_those_of_its_own_stretch() -> None:
    given = walking(**{"split.folds": folds(2, "sliding", period=12, training=20)})
    fold = given.split.folds[1]
    assert [span.train_end - span.train_begin for span in fold.spans] == [20, 20, 20]
    spec = fit_inputs(given.table, given.roles, fold, given.params)
    position = given.features.groupby("server").cumcount()
    begins, ends = (
        given.features["server"].map({span.server: span.range_of("train")[side] for span in fold.spans})
        for side in (0, 1)
    )
    inside = ((position >= begins) & (position < ends)).to_numpy()
    values = given.features.loc[inside, "queue"].dropna().to_numpy("float64")
    assert spec.scales["queue"].center == pytest.approx(values.mean())
    assert spec == fit_inputs(poisoned(given, ~inside).table, given.roles, fold, given.params)


def test_a_split_with_another_number_of_folds_is_stale() -> None:
    given = walking()
    other = scene({"split.embargo": 2})
    with pytest.raises(HostcastError, match=r"made with split\.folds\.count 0, params\.yaml says 2"):
        require_current(given.table, given.roles, other.split, given.params)

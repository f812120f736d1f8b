"""Training anew on training and validation span together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fleet import HORIZON, TARGETS, Scene, scene, tiny_features
from hostcast.training import RunState, Trained, refit, train
from hostcast.training.module import ForecastModule

KEY = "b" * 64


class Killed(Exception):
    """Stands for a crash."""


def run(folder: Path, given: Scene) -> Trained:
    state = RunState(folder, KEY)
    chosen = train(given.table, given.roles, given.split, given.params, state)
    return refit(chosen, given.table, given.roles, given.split, given.params, state)


def with_changed(given: Scene, part: str) -> Scene:
    """Other values of the targets in a part of each server's rows."""
    table = given.features.copy()
    for span in given.split.spans:
        low, high = span.range_of(part)  # type: ignore[arg-type]
        rows = table.index[table["server"] == span.server][low:high]
        table.loc[rows, list(TARGETS)] = table.loc[rows, list(TARGETS)] * 2 + 1
    return replace(given, features=table)


def test_a_refit_has_every_window_whose_horizon_ends_before_the_test_span() -> None:
    given = scene(features=tiny_features(missing=0.0))
    whole = given.split.refit()
    for before, after in zip(given.split.spans, whole.spans, strict=True):
        assert (after.train_begin, after.train_end) == (before.train_begin, before.test_begin)
        assert after.range_of("validation")[0] == after.range_of("validation")[1]
        own = whole.cutoffs("train").query("server == @before.server")["position"].to_numpy()
        first = given.params.split.min_encoder_length - 1
        assert np.array_equal(own, np.arange(first, before.test_begin - HORIZON))
    assert len(whole.cutoffs("validation")) == 0
    assert whole.cutoffs("test").equals(given.split.cutoffs("test"))


def test_a_refit_learns_from_the_validation_span_and_not_from_the_test_span(
    tmp_path: Path, weights_equal: Callable[[Any, Any], bool]
) -> None:
    given = scene()
    plain = run(tmp_path / "plain", given)
    later = run(tmp_path / "test", with_changed(given, "test"))
    assert weights_equal(plain.network, later.network)
    assert plain.spec == later.spec and plain.metrics == later.metrics
    newer = run(tmp_path / "validation", with_changed(given, "validation"))
    assert not weights_equal(plain.network, newer.network)
    # scales too
    assert plain.spec.target_scales != newer.spec.target_scales


def test_a_refit_takes_as_many_epochs_as_validation_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = scene({"train.epochs": 4})
    state = RunState(tmp_path, KEY)
    chosen = train(given.table, given.roles, given.split, given.params, state)
    begun: list[int] = []
    original = ForecastModule.on_train_epoch_start

    def noting(self: ForecastModule) -> None:
        begun.append(self.current_epoch)
        original(self)

    monkeypatch.setattr(ForecastModule, "on_train_epoch_start", noting)
    for epochs, best, expected in ((4, 1, 4), (3, 1, 2), (2, 0, 1)):
        begun.clear()
        earlier = replace(chosen, metrics={**chosen.metrics, "epochs": epochs, "best_epoch": best})
        made = refit(
            earlier,
            given.table,
            given.roles,
            given.split,
            given.params,
            RunState(tmp_path / str(epochs), KEY),
        )
        assert begun == list(range(expected))
        assert made.metrics == {**earlier.metrics, "refit_epochs": expected}
        assert made.history is chosen.history


@pytest.mark.parametrize("schedule", ["cosine", "plateau", "one_cycle"])
def test_a_killed_refit_goes_on_to_the_same_weights(
    schedule: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    weights_equal: Callable[[Any, Any], bool],
) -> None:
    given = scene(
        {
            "train.epochs": 3,
            "train.lr_schedule": schedule,
            "train.reduce_on_plateau_patience": 1,
            "model.dropout": 0.3,
        }
    )
    whole = run(tmp_path / "whole", given)
    original = ForecastModule.training_step

    def crashing(self: ForecastModule, raw: Any, batch_idx: int) -> Any:
        if self.monitor == "train_loss" and (self.current_epoch, batch_idx) == (2, 1):
            raise Killed
        return original(self, raw, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(ForecastModule, "training_step", crashing)
        with pytest.raises(Killed):
            run(tmp_path / "broken", given)
    assert RunState(tmp_path / "broken", KEY).within("refit").find_point() is not None
    resumed = run(tmp_path / "broken", given)
    assert weights_equal(whole.network, resumed.network)
    assert whole.metrics == resumed.metrics

"""The account of a training span: of nothing else, and whole again from its file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drifting_fleet import TARGETS, later, made_fleet, prepare, reference_in, reference_to
from hostcast.account import read_reference, reference_of, require_same_steps
from hostcast.errors import HostcastError
from hostcast.splitting import split_of


def test_the_reference_knows_nothing_of_what_came_after_the_training_span(tmp_path: Path) -> None:
    frame = made_fleet()
    before = reference_in(tmp_path, frame).to_dict()
    numbers = np.random.default_rng(1)
    changed = later(frame)
    frame.loc[changed, "cpu_percent"] = numbers.random(int(changed.sum())) * 100
    frame.loc[changed, "load_average"] = np.nan
    assert reference_in(tmp_path, frame).to_dict() == before


def test_a_reference_survives_being_written(tmp_path: Path) -> None:
    reference = reference_in(tmp_path, made_fleet())
    (tmp_path / "reference.json").write_text(reference.to_json(), "utf-8")
    assert read_reference(tmp_path / "reference.json").to_json() == reference.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', "\udcff"])
def test_a_damaged_reference_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reference.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(HostcastError, match="not readable as an account of training data") as caught:
        read_reference(path)
    assert "dvc repro -f train" in caught.value.remedy


def test_the_features_hold_what_was_prepared_to_the_bit(tmp_path: Path) -> None:
    frame = made_fleet()
    frame.loc[::7, "cpu_percent"] = np.nan
    prepared, params = prepare(tmp_path, frame)
    spans = split_of(prepared, params).spans
    direct = reference_of(prepared, spans, TARGETS, progress=False)
    assert reference_to(prepared, params).to_json() == direct.to_json()


def test_covariates_are_looked_at_and_what_is_made_of_columns_is_not(tmp_path: Path) -> None:
    changes = {
        "base.target_metrics": ["load_average"],
        "prepare.covariates": ["cpu_percent"],
        "featurize.lags": [24],
        "featurize.interactions": [["load_average", "cpu_percent"]],
    }
    prepared, params = prepare(tmp_path, made_fleet(), changes)
    assert reference_to(prepared, params).columns == ("load_average", "cpu_percent")


def test_a_split_of_other_telemetry_is_a_clear_error(tmp_path: Path) -> None:
    frame = made_fleet()
    prepared, params = prepare(tmp_path, frame)
    spans = split_of(prepared, params).spans
    prepare(tmp_path, frame.assign(timestamp=frame["timestamp"] + pd.Timedelta("1D")))
    for check in (require_same_steps, partial(reference_of, columns=TARGETS, progress=False)):
        with pytest.raises(HostcastError, match="made from other telemetry"):
            check(prepared, spans)

"""The account of a training span: of nothing else, and whole again from its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drifting_fleet import later, made_fleet, prepare, reference_in
from hostcast.account import read_reference, reference_of, write_reference
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
    write_reference(tmp_path / "reference.json", reference)
    again = read_reference(tmp_path / "reference.json", remedy="")
    assert again.to_dict() == reference.to_dict()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', "\udcff"])
def test_a_damaged_reference_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reference.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(HostcastError, match="not readable as an account of training data") as caught:
        read_reference(path, remedy="do this")
    assert caught.value.remedy == "do this"


def test_a_split_of_other_telemetry_is_a_clear_error(tmp_path: Path) -> None:
    frame = made_fleet()
    prepared, params = prepare(tmp_path, frame)
    spans = split_of(prepared, params).spans
    prepare(tmp_path, frame.iloc[100:])
    with pytest.raises(HostcastError, match="made from other telemetry"):
        reference_of(prepared, spans, params)

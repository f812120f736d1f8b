"""A calibration comes back from its file exactly, and what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration_data import fitted, nominal_of, windows
from safetensors import safe_open
from safetensors.numpy import save_file

from hostcast.calibration import read_calibration, write_calibration


def test_a_calibration_comes_back_exactly_and_corrects_the_same(tmp_path: Path) -> None:
    calibration = fitted(windows(200))
    write_calibration(calibration, tmp_path / "one")
    back = read_calibration(tmp_path / "one")
    for name in ("levels", "targets", "servers", "until"):
        assert getattr(back, name) == getattr(calibration, name)
    for name in ("steps", "fleet", "by_server", "scores"):
        assert np.array_equal(getattr(back, name), getattr(calibration, name))
    servers = ["a", "new", "b"]
    assert np.array_equal(
        back.corrections(servers, nominal_of(back, 3)),
        calibration.corrections(servers, nominal_of(calibration, 3)),
    )


def test_the_same_calibration_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_calibration(fitted(windows(200)), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"version": 99}, "version 99"), ({"targets": ["cpu"]}, "sizes"), ({"servers": []}, "sizes")],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    write_calibration(fitted(windows(200)), tmp_path / "file")
    with safe_open(tmp_path / "file", framework="np") as source:
        header = json.loads(source.metadata()["calibration"]) | change
        numbers = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118
    save_file(numbers, tmp_path / "file", metadata={"calibration": json.dumps(header)})
    with pytest.raises(ValueError, match=words):
        read_calibration(tmp_path / "file")

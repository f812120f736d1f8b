"""A calibration as a file: numbers as tensors, names in the header, nothing that could run code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save_file

from hostcast.calibration.calibration import COVERAGES, Calibration
from hostcast.calibration.pairs import pairs_of

__all__ = ["read_calibration", "write_calibration"]

VERSION = 1
_HEADER = "calibration"
_NUMBERS = ("steps", "fleet", "by_server", "scores")


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write the file; the same calibration is the same bytes."""
    header = {
        "version": VERSION,
        "levels": calibration.levels,
        "targets": calibration.targets,
        "servers": calibration.servers,
        "until": {name: instant.isoformat() for name, instant in sorted(calibration.until.items())},
    }
    numbers = {name: np.ascontiguousarray(getattr(calibration, name)) for name in _NUMBERS}
    save_file(numbers, path, metadata={_HEADER: json.dumps(header, ensure_ascii=False)})


def read_calibration(path: Path) -> Calibration:
    """Inverse of `write_calibration`.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, safetensors.SafetensorError: the file is not of
            that form.
    """
    with safe_open(path, framework="np") as source:
        header = json.loads((source.metadata() or {})[_HEADER])
        if header["version"] != VERSION:
            raise ValueError(f"a calibration of version {header['version']}, not {VERSION}")
        numbers = {name: source.get_tensor(name) for name in _NUMBERS}
    calibration = Calibration(
        levels=header["levels"],
        targets=header["targets"],
        servers=header["servers"],
        until={name: pd.Timestamp(instant) for name, instant in header["until"].items()},
        **numbers,
    )
    parts = (len(calibration.targets), len(pairs_of(calibration.levels)))
    if (
        calibration.steps.shape[1:] != parts
        or calibration.fleet.shape != (*parts, len(COVERAGES))
        or calibration.by_server.shape != (len(calibration.servers), *parts, len(COVERAGES))
    ):
        raise ValueError("its numbers are not of the sizes that its header names")
    return calibration

"""Settings and fixtures of all tests."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch

from fleet import Scene
from hostcast.training import RunState, Trained, TrainingFolders, train

# the same examples on every machine: a failure in CI is one that anybody can see
hypothesis.settings.register_profile("hostcast", derandomize=True, deadline=None)
hypothesis.settings.load_profile("hostcast")

# networks of a few hundred weights are slower on many threads, most of all on a busy machine
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _quiet_lightning() -> Iterator[None]:
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        yield
    # Lightning asks torch for this, and torch asks it of everyone
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def train_in(tmp_path: Path) -> Callable[..., Trained]:
    """Train a scene in `tmp_path`: its state under state/, its traces where `folders` says."""

    def run(scene: Scene, *, key: str = "a" * 64, folders: TrainingFolders | None = None) -> Trained:
        state = RunState(tmp_path / "state", key)
        return train(scene.table, scene.roles, scene.split, scene.params, state, folders)

    return run


@pytest.fixture
def weights_equal() -> Callable[[Any, Any], bool]:
    """Whether two networks hold the same weights, bit for bit."""

    def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
        left, right = one.state_dict(), other.state_dict()
        return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)

    return equal

"""T1: checkpoints hold everything, without pickle."""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from fleet import scene
from hostcast.errors import HostcastError
from hostcast.training import RunState, Trained
from hostcast.training.checkpoint_io import (
    SafetensorsCheckpointIO,
    load_checkpoint,
    save_checkpoint,
    state_of,
)


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    match one:
        case dict():
            assert list(one) == list(other)
            assert [type(key) for key in one] == [type(key) for key in other]
            for key, value in one.items():
                assert_same(value, other[key])
        case list() | tuple():
            assert len(one) == len(other)
            for left, right in zip(one, other, strict=True):
                assert_same(left, right)
        case torch.Tensor():
            assert one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
        case float():
            assert one == other or (math.isnan(one) and math.isnan(other))
        case _:
            assert one == other


CHECKPOINT: dict[str, Any] = {
    "epoch": 3,
    "nothing": None,
    "flag": True,
    "loss": math.inf,
    "text": "ä\n\"'",
    "optimizer_states": [
        {
            "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.randn(2, 3)}, 1: {"empty": {}}},
            "param_groups": [{"betas": (0.9, 0.999), "params": [0, 1]}],
        }
    ],
    "half": torch.randn(3, dtype=torch.float16),
    "count": torch.tensor(2**40),
    "none_of_them": torch.zeros(0, 4),
    "transposed": torch.randn(3, 2).T,
    "tensor": "not a tensor",
    "tuple": {"tuple": [1]},
}


def test_a_nested_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(CHECKPOINT, path)
    assert_same(load_checkpoint(path), CHECKPOINT)


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text()
    | st.lists(st.integers(0, 9), max_size=3).map(torch.tensor)
)
keys = st.integers(-5, 5) | st.sampled_from(["a", "b", "a/b", "0", "tensor", "tuple", "dict"])
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(content=st.dictionaries(keys, trees, max_size=4))
def test_any_tree_of_plain_values_and_tensors_comes_back(
    content: dict[Any, Any], tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.mktemp("tree") / "checkpoint.safetensors"
    save_checkpoint(content, path)
    assert_same(load_checkpoint(path), content)


def test_tensors_whose_paths_read_alike_are_kept_apart(tmp_path: Path) -> None:
    content = {"a/b": torch.tensor(1), "a": {"b": torch.tensor(2)}, 1: torch.tensor(3), "1": torch.tensor(4)}
    save_checkpoint(content, tmp_path / "x.safetensors")
    assert_same(load_checkpoint(tmp_path / "x.safetensors"), content)


def test_a_loaded_tensor_shares_no_memory_with_another(tmp_path: Path) -> None:
    shared = torch.zeros(3)
    save_checkpoint({"one": shared, "other": shared}, tmp_path / "x.safetensors")
    loaded = load_checkpoint(tmp_path / "x.safetensors")
    loaded["one"] += 1
    assert loaded["other"].sum() == 0


def test_numbers_of_numpy_become_plain_ones(tmp_path: Path) -> None:
    save_checkpoint({"loss": np.float64(0.5), "version": torch.__version__}, tmp_path / "x.safetensors")
    loaded = load_checkpoint(tmp_path / "x.safetensors")
    assert type(loaded["loss"]) is float and type(loaded["version"]) is str


def test_what_is_neither_tensor_nor_plain_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="checkpoint/callbacks/odd is a set"):
        save_checkpoint({"callbacks": {"odd": {1, 2}}}, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_cannot_be_written_is_an_error_and_spares_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(HostcastError, match="could not be written"):
        save_checkpoint({"a": 1}, tmp_path / "folder" / "x.safetensors")
    assert (tmp_path / "folder").read_text() == "in the way"


def test_removing_a_checkpoint_twice_is_no_error(tmp_path: Path) -> None:
    save_checkpoint({"a": 1}, tmp_path / "x.safetensors")
    for _ in range(2):
        SafetensorsCheckpointIO().remove_checkpoint(tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_training_leaves_the_best_checkpoints_and_the_last_without_pickle(
    tmp_path: Path, train_in: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("something was pickled")

    with monkeypatch.context() as patch:
        for module, name in ((pickle, "loads"), (pickle, "load"), (torch, "load"), (torch, "save")):
            patch.setattr(module, name, refuse)
        trained = train_in(scene({"train.epochs": 4, "train.save_top_k_checkpoints": 2}))
    folder = RunState(tmp_path / "state", "a" * 64).checkpoints
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "last.safetensors"
    best = trained.history.nsmallest(2, "val_loss").sort_values("epoch")
    assert names[1:] == [
        f"tft-epoch={row.epoch:02d}-val_loss={row.val_loss:.4f}.safetensors" for row in best.itertuples()
    ]
    assert all(re.fullmatch(r"tft-epoch=\d\d-val_loss=\d\.\d{4}\.safetensors", name) for name in names[1:])
    for path in folder.iterdir():
        with safe_open(path, framework="pt") as source:
            json.loads(source.metadata()["hostcast.checkpoint"])
            assert set(source.keys())


def test_the_best_epoch_and_not_the_last_is_what_training_returns(
    tmp_path: Path, train_in: Callable[..., Trained]
) -> None:
    trained = train_in(scene({"train.epochs": 4, "train.lr_schedule": "plateau", "train.learning_rate": 0.5}))
    history = trained.history.set_index("epoch")["val_loss"]
    assert trained.metrics["best_epoch"] == history.idxmin() != 3
    assert trained.metrics["val_loss"] == history.min()
    name = f"tft-epoch={history.idxmin():02d}-val_loss={history.min():.4f}.safetensors"
    checkpoint = load_checkpoint(RunState(tmp_path / "state", "a" * 64).checkpoints / name)
    for key, tensor in state_of(checkpoint, "network.").items():
        # row 0 of an embedding stands for unknown categories, and is settled after training
        known = slice(1, None) if "embeddings" in key else slice(None)
        assert torch.equal(trained.network.state_dict()[key][known], tensor[known])


def test_a_category_never_seen_in_training_gets_the_mean_of_those_that_were(
    train_in: Callable[..., Trained],
) -> None:
    trained = train_in(scene({"train.epochs": 1}))
    embeddings = [v for k, v in trained.network.state_dict().items() if "embeddings" in k]
    assert embeddings
    for weight in embeddings:
        assert torch.allclose(weight[0], weight[1:].mean(dim=0))

"""An interrupted training goes on as if nothing had happened, or starts afresh; never in between."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fleet import Scene, scene
from hostcast.errors import HostcastError
from hostcast.training import RunState, Trained, TrainingFolders, run_key, train
from hostcast.training.callbacks import ResumePoints
from hostcast.training.checkpoint_io import load_checkpoint
from hostcast.training.module import ForecastModule

KEY = "a" * 64
TESTS = Path(__file__).parents[1]


class Killed(Exception):
    """Stands for a crash."""


def kill_in(monkeypatch: pytest.MonkeyPatch, hook: str, *, epoch: int, batch: int | None = None) -> None:
    """Let the module's hook crash in an epoch, at a batch."""
    original = getattr(ForecastModule, hook)

    def crashing(self: ForecastModule, *args: Any) -> Any:
        if self.current_epoch == epoch and (batch is None or args[1] == batch):
            raise Killed
        return original(self, *args)

    monkeypatch.setattr(ForecastModule, hook, crashing)


def run(folder: Path, given: Scene, key: str = KEY, *, live: bool = False) -> Trained:
    folders = TrainingFolders(live=folder / "live") if live else None
    state = RunState(folder / "state", key)
    return train(given.table, given.roles, given.split, given.params, state, folders)


def training_state(folder: Path) -> dict[str, Any]:
    """Leaves of the last checkpoint, without its folder and Lightning's own counters."""
    state = RunState(folder / "state", KEY)
    content = load_checkpoint(state.checkpoints / "last.safetensors")
    del content["loops"]
    leaves = flat(content, state.folder)
    # the loss that was last compared; nothing reads it
    return {key: value for key, value in leaves.items() if not key.endswith("/current_score")}


def flat(value: Any, folder: Path, where: str = "") -> dict[str, Any]:
    match value:
        case dict():
            parts = [flat(item, folder, f"{where}/{key}") for key, item in value.items()]
        case list() | tuple():
            parts = [flat(item, folder, f"{where}/{i}") for i, item in enumerate(value)]
        case torch.Tensor():
            parts = [{where: (str(value.dtype), value.tolist())}]
        case _:
            parts = [{where: value}]
    return {
        key.replace(str(folder), ""): item.replace(str(folder), "") if isinstance(item, str) else item
        for part in parts
        for key, item in part.items()
    }


@pytest.mark.parametrize(
    ("changes", "hook", "epoch", "batch"),
    [
        ({"train.lr_schedule": "plateau", "train.reduce_on_plateau_patience": 1}, "training_step", 2, 1),
        ({"train.lr_schedule": "cosine", "train.gradient_accumulation": 3}, "training_step", 1, 0),
        ({"train.lr_schedule": "one_cycle", "train.precision": "16-mixed"}, "training_step", 2, 3),
        ({"train.val_check_interval": 0.5, "train.precision": "bf16-mixed"}, "training_step", 2, 3),
        ({"train.save_top_k_checkpoints": 1, "train.checkpoint_every_n_epochs": 2}, "validation_step", 2, 0),
        ({"train.windows_per_epoch": None, "model.dropout": 0.3}, "on_validation_epoch_end", 1, None),
        ({"split.min_encoder_length": 3, "model.dropout": 0.3}, "training_step", 1, 2),
        ({"train.engine": "reference", "train.gradient_accumulation": 3}, "training_step", 1, 0),
        ({"train.engine": "reference", "train.precision": "16-mixed"}, "training_step", 2, 3),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    weights_equal: Callable[[Any, Any], bool],
    changes: dict[str, Any],
    hook: str,
    epoch: int,
    batch: int | None,
) -> None:
    given = scene({"train.epochs": 3, **changes})
    whole = run(tmp_path / "whole", given, live=True)
    with monkeypatch.context() as patch:
        kill_in(patch, hook, epoch=epoch, batch=batch)
        with pytest.raises(Killed):
            run(tmp_path / "broken", given, live=True)
    resumed = run(tmp_path / "broken", given, live=True)

    assert weights_equal(whole.network, resumed.network)
    assert whole.metrics == resumed.metrics
    assert whole.history.equals(resumed.history)
    assert training_state(tmp_path / "whole") == training_state(tmp_path / "broken")
    assert folder_content(tmp_path / "whole" / "live") == folder_content(tmp_path / "broken" / "live")
    assert checkpoint_names(tmp_path / "whole") == checkpoint_names(tmp_path / "broken")


def folder_content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def checkpoint_names(folder: Path) -> list[str]:
    return sorted(path.name for path in RunState(folder / "state", KEY).checkpoints.iterdir())


def test_a_run_killed_between_the_checkpoints_and_the_resume_point_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_equal: Callable[[Any, Any], bool]
) -> None:
    given = scene({"train.epochs": 5, "train.save_top_k_checkpoints": 1})
    whole = run(tmp_path / "whole", given)

    def crashing(self: ResumePoints, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 3:
            raise Killed
        if trainer.current_epoch > 0:
            self.state.save_point(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(ResumePoints, "on_train_epoch_start", crashing)
        with pytest.raises(Killed):
            run(tmp_path / "broken", given)
    resumed = run(tmp_path / "broken", given)
    assert weights_equal(whole.network, resumed.network)
    assert whole.metrics == resumed.metrics
    assert checkpoint_names(tmp_path / "whole") == checkpoint_names(tmp_path / "broken")


def test_early_stopping_counts_on_over_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_equal: Callable[[Any, Any], bool]
) -> None:
    # clipped to next to nothing, gradients make nothing better, which stops training after the patience
    given = scene(
        {
            "train.epochs": 12,
            "train.learning_rate": 3.0,
            "train.gradient_clip_val": 1e-30,
            "train.early_stopping_patience": 2,
            "train.lr_schedule": "plateau",
        }
    )
    whole = run(tmp_path / "whole", given)
    stopped = int(whole.metrics["epochs"])
    assert stopped == 1 + 2
    with monkeypatch.context() as patch:
        kill_in(patch, "training_step", epoch=stopped - 1, batch=2)
        with pytest.raises(Killed):
            run(tmp_path / "broken", given)
    resumed = run(tmp_path / "broken", given)
    assert resumed.metrics == whole.metrics
    assert weights_equal(whole.network, resumed.network)
    assert whole.history.equals(resumed.history)


@pytest.mark.slow
def test_a_run_may_be_interrupted_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_equal: Callable[[Any, Any], bool]
) -> None:
    given = scene({"train.epochs": 4})
    whole = run(tmp_path / "whole", given)
    for epoch in (0, 1, 3):
        with monkeypatch.context() as patch:
            kill_in(patch, "training_step", epoch=epoch, batch=1)
            with pytest.raises(Killed):
                run(tmp_path / "broken", given)
    resumed = run(tmp_path / "broken", given)
    assert weights_equal(whole.network, resumed.network)
    assert whole.history.equals(resumed.history)


def test_a_resumed_run_says_from_which_epoch_and_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = scene({"train.epochs": 3})
    with monkeypatch.context() as patch:
        kill_in(patch, "training_step", epoch=2, batch=1)
        with pytest.raises(Killed):
            run(tmp_path, given)
    with caplog.at_level(logging.INFO):
        run(tmp_path, given)
    assert "training resumes from epoch 3, step 8" in caplog.text


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, given: Scene) -> RunState:
    with monkeypatch.context() as patch:
        kill_in(patch, "training_step", epoch=2, batch=1)
        with pytest.raises(Killed):
            run(folder, given)
    return RunState(folder / "state", KEY)


def test_another_key_starts_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = scene({"train.epochs": 3})
    interrupted(tmp_path, monkeypatch, given)
    with caplog.at_level(logging.INFO):
        run(tmp_path, given, key="b" * 64)
    assert "training starts afresh" in caplog.text


def test_keys_that_share_a_beginning_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(tmp_path, monkeypatch, scene({"train.epochs": 3}))
    assert RunState(tmp_path / "state", KEY).find_point() is not None
    assert RunState(tmp_path / "state", KEY[:40] + "b" * 24).find_point() is None


def test_an_altered_resume_file_starts_afresh(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    weights_equal: Callable[[Any, Any], bool],
) -> None:
    given = scene({"train.epochs": 3})
    whole = run(tmp_path / "whole", given)
    state = interrupted(tmp_path / "broken", monkeypatch, given)
    point = state.find_point()
    assert point is not None
    content = bytearray(point.checkpoint.read_bytes())
    content[-3] ^= 1
    point.checkpoint.write_bytes(bytes(content))
    resumed = run(tmp_path / "broken", given)
    assert "was altered: starting afresh" in caplog.text
    assert weights_equal(whole.network, resumed.network)


@pytest.mark.parametrize("name", ["point.json", "run.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"key": 1}'])
def test_a_damaged_note_starts_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    state = RunState(tmp_path, KEY)
    state.start_afresh({"learning_rate": 0.1, "log_version": "x"})
    checkpoint = state.folder / "resume-00001.safetensors"
    checkpoint.write_bytes(b"weights")
    good = {
        "key": KEY,
        "folder": str(state.folder),
        "checkpoint": checkpoint.name,
        "sha256": "9dc4f1bcd5b7eb2b4ea9b4f0c9d2c9a1",
        "epoch": 1,
        "step": 4,
    }
    (state.folder / "point.json").write_text(json.dumps(good))
    (state.folder / name).write_text(content)
    assert state.find_point() is None


def test_a_moved_state_folder_starts_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(tmp_path, monkeypatch, scene({"train.epochs": 3}))
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    assert RunState(tmp_path / "elsewhere", KEY).find_point() is None


@pytest.mark.slow
def test_half_written_files_of_a_killed_run_are_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = scene({"train.epochs": 3})
    state = interrupted(tmp_path, monkeypatch, given)
    leftover = state.checkpoints / ".last.safetensors.abc.tmp"
    leftover.write_bytes(b"half")
    run(tmp_path, given)
    state.finish(tmp_path / "kept")
    assert not list(tmp_path.rglob("*.tmp"))


def test_only_one_resume_file_is_kept(tmp_path: Path) -> None:
    run(tmp_path, scene({"train.epochs": 4}))
    state = RunState(tmp_path / "state", KEY)
    assert [path.name for path in state.folder.glob("resume-*")] == ["resume-00003.safetensors"]


def test_a_finished_run_leaves_its_best_checkpoints_and_no_state(tmp_path: Path) -> None:
    given = scene({"train.epochs": 2})
    first = run(tmp_path, given)
    state = RunState(tmp_path / "state", KEY)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "of-an-older-run").touch()
    state.finish(tmp_path / "kept")
    assert not state.folder.exists()
    assert state.find_point() is None
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names[0] == "last.safetensors"
    assert [name[:12] for name in names[1:]] == ["tft-epoch=00", "tft-epoch=01"]
    again = run(tmp_path, given)
    assert again.metrics == first.metrics


def test_a_state_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(HostcastError, match="HOSTCAST_STATE_DIR") as caught:
        run(tmp_path, scene())
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("change", [{"b": 2}, {"a": {"c": [1, 2, 4]}}, {"d": None}])
def test_any_difference_in_what_decides_the_result_changes_the_key(change: dict[str, Any]) -> None:
    content = {"a": {"c": [1, 2, 3]}, "b": 1}
    assert run_key(content) == run_key(dict(reversed(content.items())))
    assert run_key(content) != run_key({**content, **change})


SCRIPT = """
import resource, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from fleet import scene
from hostcast.errors import HostcastError
from hostcast.training import RunState, train

folder, epochs, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
given = scene({"train.epochs": epochs, "train.log_every_n_steps": 1})
state = RunState(folder, "a" * 64)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    train(given.table, given.roles, given.split, given.params, state)
except HostcastError as error:
    sys.exit(f"HostcastError {error}")
"""


def subprocess_run(folder: Path, epochs: int, limit: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(epochs), str(limit)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_process_killed_without_warning_is_resumed_with_the_same_result(
    tmp_path: Path, weights_equal: Callable[[Any, Any], bool]
) -> None:
    given = scene({"train.epochs": 20})
    whole = run(tmp_path / "whole", given)
    state = RunState(tmp_path / "broken" / "state", KEY)
    process = subprocess_run(tmp_path / "broken" / "state", 20)
    while process.poll() is None:
        point = state.find_point()
        if point is not None and point.epoch >= 3:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    resumed = run(tmp_path / "broken", given)
    assert weights_equal(whole.network, resumed.network)
    assert whole.history.equals(resumed.history)
    assert whole.metrics == resumed.metrics


@pytest.mark.slow
def test_a_full_disk_names_the_file_and_spares_the_earlier_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = RunState(tmp_path, KEY)
    given = scene({"train.epochs": 5})
    with monkeypatch.context() as patch:
        kill_in(patch, "training_step", epoch=2, batch=1)
        with pytest.raises(Killed):
            train(given.table, given.roles, given.split, given.params, state)
    before = state.find_point()
    assert before is not None
    full = subprocess_run(tmp_path, 5, limit=before.checkpoint.stat().st_size // 2)
    _, errors = full.communicate(timeout=120)
    assert full.returncode == 1
    assert "HostcastError file " in errors and ".safetensors: the checkpoint could not be written" in errors
    assert state.find_point() == before
    assert not list(tmp_path.rglob("*.tmp"))
    assert train(given.table, given.roles, given.split, given.params, state).metrics["epochs"] == 5

"""T2 to T4, T7, 2.2 and 3.2: seeds, workers, precision, accumulation, schedules, stopping and logs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fleet import ENCODER, TARGETS, scene, tiny_content, tiny_features, tiny_params
from hostcast.engines.reference.network import TftNetwork
from hostcast.native import load_kernels
from hostcast.params import parse_params
from hostcast.training import RunState, Trained, TrainingFolders
from hostcast.training.schedules import lr_schedule

Train = Callable[..., Trained]
Equal = Callable[[Any, Any], bool]
with_each_engine = pytest.mark.parametrize("engine", ["fused", "reference"])


@with_each_engine
def test_the_same_seed_gives_the_same_weights_bit_for_bit(
    train_in: Train, weights_equal: Equal, engine: str
) -> None:
    given = scene({"train.engine": engine, "model.dropout": 0.2})
    one, other = train_in(given, key="a" * 64), train_in(given, key="b" * 64)
    assert weights_equal(one.network, other.network)
    assert one.history.equals(other.history)


@pytest.mark.parametrize("shortest", [ENCODER, 3])
def test_both_engines_and_the_one_without_kernels_train_alike(
    train_in: Train, monkeypatch: pytest.MonkeyPatch, shortest: int
) -> None:
    # dropout is what they draw differently
    common = {"model.dropout": 0.0, "train.learning_rate": 2e-3, "split.min_encoder_length": shortest}
    fused = train_in(scene(common), key="a" * 64)
    others = [train_in(scene({**common, "train.engine": "reference"}), key="b" * 64)]
    load_kernels.cache_clear()
    with monkeypatch.context() as patch:
        patch.setenv("HOSTCAST_NATIVE", "0")
        others.append(train_in(scene(common), key="c" * 64))
    load_kernels.cache_clear()
    for other in others:
        assert fused.spec == other.spec
        np.testing.assert_allclose(fused.history.to_numpy(), other.history.to_numpy(), rtol=1e-4)
        for name, tensor in fused.network.state_dict().items():
            torch.testing.assert_close(tensor, other.network.state_dict()[name], rtol=1e-3, atol=5e-4)


@with_each_engine
def test_compiling_has_no_effect_on_a_cpu_which_is_said_once(
    train_in: Train, weights_equal: Equal, caplog: pytest.LogCaptureFixture, engine: str
) -> None:
    given = {"train.engine": engine, "train.epochs": 2}
    usual = train_in(scene(given), key="a" * 64)
    assert "train.compile" not in caplog.text
    compiled = train_in(scene({**given, "train.compile": True}), key="b" * 64)
    assert weights_equal(usual.network, compiled.network)
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert [message for message in warnings if "train.compile" in message] == [
        "train.compile is true, but has no effect on a CPU: only a GPU trains with compiled layers"
    ]


def test_another_seed_gives_other_weights(train_in: Train, weights_equal: Equal) -> None:
    one, other = train_in(scene()), train_in(scene({"base.random_seed": 8}), key="b" * 64)
    assert not weights_equal(one.network, other.network)


@pytest.mark.parametrize(
    "finder",
    [
        pytest.param(False, id="plain"),
        pytest.param(True, id="after-the-rate-finder", marks=pytest.mark.slow),
    ],
)
def test_the_number_of_workers_does_not_change_the_weights(
    train_in: Train, weights_equal: Equal, finder: bool
) -> None:
    common = {"train.lr_finder": finder}
    alone = train_in(scene(common), key="a" * 64)
    helped = train_in(scene({**common, "runtime.num_workers": 2}), key="b" * 64)
    assert weights_equal(alone.network, helped.network)
    assert alone.metrics == helped.metrics


def test_a_resumed_run_with_workers_sees_the_windows_of_its_epoch(
    train_in: Train, weights_equal: Equal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hostcast.training.module import ForecastModule

    whole = train_in(scene({"train.epochs": 3}), key="a" * 64)
    original = ForecastModule.validation_step

    def crashing(self: ForecastModule, raw: Any, batch_idx: int) -> None:
        if self.current_epoch == 2:
            raise RuntimeError("killed")
        original(self, raw, batch_idx)

    given = scene({"train.epochs": 3, "runtime.num_workers": 1})
    with monkeypatch.context() as patch:
        patch.setattr(ForecastModule, "validation_step", crashing)
        with pytest.raises(RuntimeError, match="killed"):
            train_in(given, key="b" * 64)
    assert weights_equal(whole.network, train_in(given, key="b" * 64).network)


@with_each_engine
@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("32-true", torch.float32), ("16-mixed", torch.float16), ("bf16-mixed", torch.bfloat16)],
)
def test_each_precision_is_what_the_network_computes_in_and_trains_targets_counted_in_bytes(
    train_in: Train, monkeypatch: pytest.MonkeyPatch, engine: str, precision: str, dtype: torch.dtype
) -> None:
    seen: set[torch.dtype] = set()
    original = TftNetwork.__init__

    def watched(self: TftNetwork, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.tft.multihead_attn.w_h.register_forward_hook(lambda module, given, out: seen.add(out.dtype))

    monkeypatch.setattr(TftNetwork, "__init__", watched)
    table = tiny_features()
    table[TARGETS[1]] *= 1e6  # around 1e9
    trained = train_in(scene({"train.precision": precision, "train.engine": engine}, features=table))
    assert seen == {dtype}
    assert np.isfinite(trained.history.to_numpy()).all()
    assert trained.history["train_loss"].iloc[-1] < trained.history["train_loss"].iloc[0]
    assert {tensor.dtype for tensor in trained.network.state_dict().values()} == {torch.float32}


@pytest.mark.slow
def test_half_precision_stays_near_full_precision(train_in: Train) -> None:
    full = train_in(scene(), key="a" * 64).metrics["val_loss"]
    for precision in ("16-mixed", "bf16-mixed"):
        half = train_in(scene({"train.precision": precision}), key=precision * 8).metrics["val_loss"]
        assert half == pytest.approx(full, rel=0.05)


@with_each_engine
def test_two_accumulated_halves_equal_the_whole_batch(train_in: Train, engine: str) -> None:
    # without gaps each half counts as many values, so the mean of two means is the mean
    table = tiny_features(missing=0.0)
    common = {"model.dropout": 0.0, "train.gradient_clip_val": 0.0, "train.learning_rate": 1e-3}
    common["train.engine"] = engine
    whole = train_in(scene({**common, "train.batch_size": 16}, features=table), key="a" * 64)
    halves = train_in(
        scene({**common, "train.batch_size": 8, "train.gradient_accumulation": 2}, features=table),
        key="b" * 64,
    )
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(tensor, halves.network.state_dict()[name], rtol=1e-3, atol=2e-5)
    np.testing.assert_allclose(whole.history["val_loss"], halves.history["val_loss"], rtol=1e-4)


def rates(schedule: str, steps: int, **train: Any) -> list[float]:
    params = tiny_params({"train.lr_schedule": schedule, **{f"train.{k}": v for k, v in train.items()}}).train
    # the rate the optimiser has may be the finder's, not the params'
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
    scheduler = lr_schedule(optimizer, params, steps=steps)["scheduler"]
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_the_cosine_schedule_warms_up_then_falls_to_nothing() -> None:
    seen = rates("cosine", 100, lr_warmup=0.1)
    assert seen[:10] == pytest.approx([0.002 * (i + 1) for i in range(10)])
    assert max(seen) == pytest.approx(0.02)
    assert seen[10:] == sorted(seen[10:], reverse=True)
    assert seen[55] == pytest.approx(0.01)
    assert seen[-1] < 1e-4


def test_the_one_cycle_schedule_peaks_at_the_rate_of_the_optimiser_after_the_warm_up() -> None:
    seen = rates("one_cycle", 100, lr_warmup=0.3)
    assert max(seen) == pytest.approx(0.02)
    assert int(np.argmax(seen)) == 29
    assert seen[0] == pytest.approx(0.02 / 25)
    assert seen[-1] < 1e-5


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.9])
def test_schedules_survive_short_trainings(schedule: str, steps: int, warmup: float) -> None:
    assert all(0 <= rate <= 0.02 + 1e-12 for rate in rates(schedule, steps, lr_warmup=warmup))


def test_the_plateau_schedule_divides_the_rate_by_ten_after_its_patience() -> None:
    params = tiny_params({"train.lr_schedule": "plateau", "train.reduce_on_plateau_patience": 2}).train
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
    plan = lr_schedule(optimizer, params, steps=10)
    seen = []
    for loss in (1.0, 0.5, 0.5, 0.5, 0.5, 0.4):
        plan["scheduler"].step(loss)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == pytest.approx([0.02, 0.02, 0.02, 0.02, 0.002, 0.002])
    assert plan["monitor"] == "val_loss" and plan["interval"] == "epoch"


def test_patience_counts_epochs_and_the_rate_falls_while_the_loss_does_not(train_in: Train) -> None:
    # clipped to next to nothing, gradients move no weight
    given = scene(
        {
            "train.epochs": 12,
            "train.lr_schedule": "plateau",
            "train.learning_rate": 3.0,
            "train.gradient_clip_val": 1e-30,
            "train.early_stopping_patience": 3,
            "train.reduce_on_plateau_patience": 1,
            "train.val_check_interval": 0.5,
        }
    )
    trained = train_in(given)
    losses = trained.history["val_loss"].to_numpy()
    assert len(losses) == 1 + 3
    assert len(set(losses)) == 1
    assert trained.history["learning_rate"].iloc[-1] < 3.0


def test_the_rate_finder_decides_the_peak_rate_and_notes_it_for_a_resumed_run(
    tmp_path: Path, train_in: Train
) -> None:
    trained = train_in(
        scene({"train.lr_finder": True, "train.lr_schedule": "one_cycle", "train.learning_rate": 5.0})
    )
    found = trained.metrics["learning_rate"]
    assert 1e-5 < found < 0.3
    assert trained.history["learning_rate"].max() <= found
    assert RunState(tmp_path / "state", "a" * 64).facts()["learning_rate"] == found


@with_each_engine
def test_an_epoch_smaller_than_a_batch_still_trains(train_in: Train, engine: str) -> None:
    trained = train_in(scene({"train.windows_per_epoch": 5, "train.batch_size": 16, "train.engine": engine}))
    assert (trained.history["train_loss"] > 0).all()


@with_each_engine
def test_a_single_target_trains(train_in: Train, engine: str) -> None:
    trained = train_in(scene({"train.engine": engine}, targets=(TARGETS[0],)))
    assert list(trained.history.columns) == [
        "epoch",
        "train_loss",
        "val_loss",
        "val_loss_of_cpu",
        "learning_rate",
    ]
    assert trained.history["val_loss"].equals(trained.history["val_loss_of_cpu"].rename("val_loss"))


@with_each_engine
def test_a_model_without_any_category_trains(train_in: Train, engine: str) -> None:
    given = scene({"model.server_embedding": False, "train.engine": engine})
    columns = {name: column for name, column in given.roles.columns.items() if name != "role"}
    bare = type(given.roles)("server", "timestamp", "1h", columns)
    trained = train_in(type(given)(given.features, bare, given.split, given.params))
    assert math.isfinite(trained.metrics["val_loss"])


@with_each_engine
def test_tensorboard_holds_curves_rates_and_pictures(tmp_path: Path, train_in: Train, engine: str) -> None:
    given = scene({"train.tensorboard_enabled": True, "train.epochs": 3, "train.engine": engine})
    trained = train_in(given, folders=TrainingFolders(logs=tmp_path / "logs"))
    (run,) = (tmp_path / "logs" / "tft_training").iterdir()
    board = EventAccumulator(str(run), size_guidance={"images": 0, "scalars": 0})
    board.Reload()
    tags = board.Tags()
    assert {"train_loss", "val_loss", "lr-AdamW", "train_loss_step", "windows_per_second"} <= set(
        tags["scalars"]
    )
    assert {f"val_loss_of_{name}" for name in ("cpu", "disk.used%25")} <= set(tags["scalars"])
    assert [event.value for event in board.Scalars("val_loss")] == pytest.approx(
        trained.history["val_loss"].tolist()
    )
    # four steps an epoch
    assert [event.step for event in board.Scalars("lr-AdamW")] == list(range(12))
    assert max(event.value for event in board.Scalars("lr-AdamW")) == pytest.approx(0.01)
    assert set(tags["images"]) == {f"forecast/{name}" for name in TARGETS}
    for name in TARGETS:
        images = board.Images(f"forecast/{name}")
        assert [image.step for image in images] == [0, 1, 2]
        assert all(image.encoded_image_string.startswith(b"\x89PNG") for image in images)


@pytest.mark.slow
def test_drawing_pictures_and_logging_does_not_change_the_weights(
    tmp_path: Path, train_in: Train, weights_equal: Equal
) -> None:
    silent = train_in(scene(), key="a" * 64)
    loud = train_in(
        scene({"train.tensorboard_enabled": True}),
        key="b" * 64,
        folders=TrainingFolders(logs=tmp_path / "logs", live=tmp_path / "live"),
    )
    assert weights_equal(silent.network, loud.network)


def test_dvclive_files_tell_each_epoch_and_no_clock(tmp_path: Path, train_in: Train) -> None:
    contents = []
    for key in ("a", "b"):
        live = tmp_path / key
        trained = train_in(scene(), key=key * 64, folders=TrainingFolders(live=live))
        files = {str(p.relative_to(live)): p.read_bytes() for p in live.rglob("*") if p.is_file()}
        contents.append(files)
    assert contents[0] == contents[1]
    lines = contents[0]["plots/metrics/val_loss.tsv"].decode().splitlines()
    assert lines[0].split("\t") == ["step", "val_loss"]
    assert [float(line.split("\t")[1]) for line in lines[1:]] == pytest.approx(
        trained.history["val_loss"].tolist()
    )
    assert json.loads(contents[0]["metrics.json"])["val_loss"] == pytest.approx(
        trained.history["val_loss"].iloc[-1]
    )
    # a column's name makes no folders of its own
    assert all(name.count("/") <= 2 for name in contents[0])


def test_validation_windows_are_thinned_evenly_and_no_test_window_is_ever_loaded(
    train_in: Train, weights_equal: Equal
) -> None:
    table = tiny_features()
    given = scene(features=table)
    plain = train_in(given, key="a" * 64)
    changed = table.copy()
    position = changed.groupby("server").cumcount()
    first = changed["server"].map({span.server: span.validation_end for span in given.split.spans})
    after = (position >= first).to_numpy()
    changed.loc[after, [*TARGETS, "queue", "hour_sin"]] = -12345.0
    poisoned = train_in(type(given)(changed, given.roles, given.split, given.params), key="b" * 64)
    assert weights_equal(plain.network, poisoned.network)
    assert plain.metrics == poisoned.metrics


def test_what_training_does_not_read_does_not_change_the_weights(
    train_in: Train, weights_equal: Equal
) -> None:
    content = tiny_content()
    content["benchmark"]["repeats"] = 1
    content["prepare"]["min_rows"] = 1
    given = scene()
    other = type(given)(given.features, given.roles, given.split, parse_params(content))
    one, two = train_in(given, key="a" * 64), train_in(other, key="b" * 64)
    assert weights_equal(one.network, two.network)

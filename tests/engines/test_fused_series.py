"""The series that windows are cut from: filled and scaled as the model frame, held where they fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch import Trainer
from windows_of import INPUTS, assert_same_windows, batches, spec_of

from fleet import ENCODER, Scene, scene, tiny_features
from hostcast.engines import LoaderOptions, get_engine
from hostcast.engines.fused import series
from hostcast.engines.fused.loader import WindowIndex
from hostcast.engines.fused.series import SeriesStore
from hostcast.features import FeatureTable, table
from hostcast.files import write_parquet
from hostcast.windows import Batch, model_frame

META = torch.device("meta")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    rows=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    missing=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    block=st.integers(5, 50),
)
def test_the_matrix_is_the_model_frame_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, seed: int, rows: list[int], missing: float, block: int
) -> None:
    spec = spec_of(scene())
    features = tiny_features(tuple(rows), missing=missing, seed=seed)
    monkeypatch.setattr(table, "BLOCK_ROWS", block)
    made = SeriesStore(FeatureTable.of(features), spec).host
    frame = model_frame(features, spec)
    columns = spec.columns
    names = [*columns.known, *columns.targets, *columns.observed]
    assert np.array_equal(made.matrix.numpy(), frame[names].to_numpy())
    assert np.array_equal(made.seen.numpy(), frame[columns.observed_flags].to_numpy())
    assert made.matrix.dtype == torch.float32 and made.seen.dtype == torch.uint8


def test_a_table_in_a_file_gives_the_same_series(tmp_path: Path) -> None:
    given_ = scene()
    spec = spec_of(given_)
    write_parquet(tmp_path / "features.parquet", given_.features)
    one = SeriesStore(FeatureTable.open(tmp_path / "features.parquet"), spec).host
    other = SeriesStore(given_.table, spec).host
    for name in ("matrix", "seen", "codes", "centers", "spreads", "floors", "relative"):
        assert torch.equal(getattr(one, name), getattr(other, name))


def test_a_value_that_no_filling_can_replace_is_an_error() -> None:
    given_ = scene()
    broken = given_.features.copy()
    broken.loc[17, "queue"] = np.inf
    with pytest.raises(AssertionError, match="a value is missing"):
        SeriesStore(FeatureTable.of(broken), spec_of(given_))


def test_a_matrix_too_large_for_memory_is_mapped_and_gives_the_same_batches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given_ = scene({"split.min_encoder_length": 3})
    spec = spec_of(given_)
    cutoffs = given_.split.cutoffs("train")
    plain = list(batches("fused", given_.features, spec, cutoffs))
    monkeypatch.setattr(series, "MAPPED_SHARE", 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mapped = list(batches("fused", given_.features, spec, cutoffs))
    for one, other in zip(plain, mapped, strict=True):
        assert torch.equal(one.inputs["history"], other.inputs["history"])
        assert_same_windows(one, other, spec)
    assert list(tmp_path.iterdir()) == []


def test_only_a_matrix_too_large_for_memory_is_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(series._allocate(1000, 10), np.memmap)
    monkeypatch.setattr(series, "MAPPED_SHARE", 0.0)
    assert isinstance(series._allocate(1000, 10), np.memmap)


def test_the_series_stay_on_the_host_where_they_do_not_fit() -> None:
    given_ = scene()
    store = SeriesStore(given_.table, spec_of(given_))
    assert store.on(torch.device("cpu")) is store.host
    assert store.on(META) is None


def first_batch(given_: Scene, cutoffs: pd.DataFrame) -> WindowIndex:
    source = get_engine("fused").source(given_.table, spec_of(given_))
    raw = next(iter(source.loader(cutoffs, batch_size=8, options=LoaderOptions())))
    assert isinstance(raw, WindowIndex)
    return raw


def test_a_batch_goes_to_a_device_as_windows_where_the_series_do_not_fit() -> None:
    given_ = scene()
    raw = first_batch(given_, given_.split.cutoffs("train"))
    moved = move_data_to_device(raw, META)
    assert isinstance(moved, Batch)
    assert get_engine("fused").unpack(moved, spec_of(given_)) is moved
    assert {moved.target.device, moved.inputs["history"].device, moved.inputs["lengths"].device} == {META}
    assert moved.inputs["full"] is True


@pytest.mark.parametrize("shortest", [ENCODER, 3])
@pytest.mark.parametrize("normalizer", ["window", "encoder", "group"])
def test_on_a_device_no_value_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, shortest: int, normalizer: str
) -> None:
    # meta tensors have no values: reading one, or a shape that depends on one, raises
    monkeypatch.setattr(SeriesStore, "on", lambda self, device: self.host.to(device))
    given_ = scene({"split.min_encoder_length": shortest, "model.normalizer": normalizer})
    raw = first_batch(given_, given_.split.cutoffs("train"))
    there = Trainer(accelerator="cpu", logger=False).strategy.batch_to_device(raw, META)
    batch, here = there.unpack(), raw.unpack()
    for name in INPUTS:
        assert batch.inputs[name].device == META
        assert batch.inputs[name].shape == here.inputs[name].shape
        assert batch.inputs[name].dtype == here.inputs[name].dtype
    for name in ("target", "observed", "center", "spread"):
        assert getattr(batch, name).shape == getattr(here, name).shape
        assert getattr(batch, name).dtype == getattr(here, name).dtype
    assert batch.inputs["full"] == here.inputs["full"] == (shortest == ENCODER)


@pytest.mark.parametrize("shortest", [ENCODER, 3])
def test_batches_that_are_cut_together_are_the_same(shortest: int) -> None:
    given_ = scene({"split.min_encoder_length": shortest})
    spec = spec_of(given_)
    source = get_engine("fused").source(given_.table, spec)
    cutoffs = given_.split.cutoffs("train")
    for raw in source.loader(cutoffs, batch_size=8, options=LoaderOptions()):
        together = raw.chunk.cut(raw.series).part(raw.first, raw.last, full=raw.full)
        assert_same_windows(raw.unpack(), together, spec)

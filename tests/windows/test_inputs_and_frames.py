"""What is fitted is fitted on the training span; what is filled is filled from the past."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fleet import TARGETS, Scene, scene, tiny_features, tiny_roles
from hostcast.windows import EpochSampler, InputSpec, fit_inputs, model_frame, target_normalizer
from hostcast.windows.columns import column_name
from hostcast.windows.normalizers import FLOOR_SHARE, WindowNormalizer

REALS = [*TARGETS, "queue", "hour_sin"]


def fit(given_: Scene) -> InputSpec:
    return fit_inputs(given_.table, given_.roles, given_.split, given_.params)


def after_training(given_: Scene) -> np.ndarray:
    end = given_.features["server"].map({span.server: span.train_end for span in given_.split.spans})
    return (given_.features.groupby("server").cumcount() >= end).to_numpy()


@pytest.mark.parametrize("boundary", ["global", "per_server"])
def test_nothing_after_the_training_span_is_fitted(boundary: str) -> None:
    plain = scene({"split.boundary": boundary})
    table = plain.features.copy()
    later = after_training(plain)
    assert 0 < later.sum() < len(later)
    table.loc[later, REALS] = 1e6
    poisoned = Scene(table, plain.roles, plain.split, plain.params)
    assert json.dumps(fit(plain).to_dict()) == json.dumps(fit(poisoned).to_dict())


def test_the_categories_of_a_server_that_comes_after_the_training_span_are_not_learned() -> None:
    plain = scene()
    late = tiny_features((20,)).assign(server="web-9", role="of the future")
    late["timestamp"] += plain.features["timestamp"].max() - late["timestamp"].max()
    later = scene(features=pd.concat([plain.features, late], ignore_index=True))
    assert [span.train_end for span in later.split.spans][-1] == 0
    assert fit(later).categories == {"server": ["web-0", "web-1", "web-2"], "role": ["back", "front"]}


def test_scales_are_those_of_the_training_rows() -> None:
    plain = scene()
    spec = fit(plain)
    train = plain.features[~after_training(plain)]
    for name in ("queue", "hour_sin"):
        values = train[name].dropna().to_numpy("float64")
        assert spec.scales[name].center == pytest.approx(values.mean())
        assert spec.scales[name].spread == pytest.approx(values.std())
    for name in TARGETS:
        values = train[name].dropna().to_numpy("float64")
        scales = spec.target_scales[name]
        assert scales.fleet.center == pytest.approx(values.mean())
        assert scales.loss == pytest.approx(np.abs(values).mean())
        assert spec.fill[name] == pytest.approx(np.median(values))
        for server, rows in train.groupby("server"):
            assert scales.servers[str(server)].spread == pytest.approx(
                rows[name].dropna().to_numpy("float64").std()
            )
    assert spec.categories == {"server": ["web-0", "web-1", "web-2"], "role": ["back", "front"]}


def test_the_inputs_come_back_from_json() -> None:
    spec = fit(scene())
    assert InputSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_an_input_that_does_not_vary_in_training_is_left_out_and_noted() -> None:
    plain = scene()
    table = plain.features.copy()
    table.loc[~after_training(plain), "queue"] = np.float32(0.1)
    spec = fit(Scene(table, plain.roles, plain.split, plain.params))
    assert spec.left_out == ["queue"] and spec.observed == [] and "queue" not in spec.scales
    assert not [name for name in model_frame(table, spec) if "queue" in name]


@pytest.mark.parametrize("values", [0.0, 5.0])
def test_a_constant_target_still_has_a_scale_to_divide_by(values: float) -> None:
    plain = scene()
    table = plain.features.assign(**{TARGETS[0]: np.float32(values)})
    scales = fit(Scene(table, plain.roles, plain.split, plain.params)).target_scales[TARGETS[0]]
    assert scales.fleet.spread == 1.0 and scales.loss > 0
    assert all(scale.center == values and scale.spread == 1.0 for scale in scales.servers.values())


def test_a_server_without_one_value_of_a_target_takes_the_fleets_scale() -> None:
    plain = scene({"model.normalizer": "group"})
    table = plain.features.copy()
    table.loc[table["server"] == "web-1", TARGETS[0]] = np.nan
    spec = fit(Scene(table, plain.roles, plain.split, plain.params))
    assert "web-1" not in spec.target_scales[TARGETS[0]].servers
    frame = model_frame(table, spec)
    center = frame.loc[frame["server"] == "web-1", spec.columns.centers[0]]
    assert center.to_numpy() == pytest.approx(spec.target_scales[TARGETS[0]].fleet.center)


def test_a_target_without_any_value_in_training_fits_without_a_warning() -> None:
    plain = scene()
    table = plain.features.assign(**{TARGETS[0]: np.float32(np.nan)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scales = fit(Scene(table, plain.roles, plain.split, plain.params)).target_scales[TARGETS[0]]
    assert np.isfinite(scales.loss) and scales.loss > 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 59), normalizer=st.sampled_from(["window", "group"]))
def test_values_are_filled_from_the_past_alone(seed: int, cut: int, normalizer: str) -> None:
    plain = scene({"model.normalizer": normalizer})
    spec = fit(plain)
    table = tiny_features((60,), missing=0.4, seed=seed)
    frame = model_frame(table, spec)
    changed = table.copy()
    changed.loc[cut:, REALS] = np.float32(7e4)
    pd.testing.assert_frame_equal(frame.iloc[:cut], model_frame(changed, spec).iloc[:cut], check_exact=True)
    numbers = frame.select_dtypes("number").drop(columns="position")
    assert np.isfinite(numbers.to_numpy()).all()
    assert set(numbers.dtypes.astype(str)) == {"float32"}


def test_a_missing_value_takes_the_last_one_of_its_own_server_or_the_training_median() -> None:
    spec = fit(scene())
    table = tiny_features((4, 4), missing=0.0)
    name = TARGETS[0]
    table[name] = np.array([1, np.nan, np.nan, 2, np.nan, 3, np.nan, 4], dtype="float32")
    frame = model_frame(table, spec)
    expected = [1, 1, 1, 2, np.float32(spec.fill[name]), 3, 3, 4]
    assert frame[spec.columns.targets[0]].tolist() == pytest.approx(expected)
    assert frame[spec.columns.observed_flags[0]].tolist() == [1, 0, 0, 1, 0, 1, 0, 1]
    assert frame["position"].tolist() == [0, 1, 2, 3] * 2


@settings(max_examples=100, deadline=None)
@given(names=st.sets(st.text(min_size=1, max_size=8), max_size=6))
def test_any_column_name_becomes_one_that_torch_accepts_and_no_two_become_one(names: set[str]) -> None:
    made = {column_name("y", name) for name in names}
    assert len(made) == len(names)
    nn.ModuleDict({name: nn.Identity() for name in made})


@pytest.mark.parametrize("name", ["cpu", "type", "a.b", "100%", "forward", "a%2Eb", ".", "keys"])
def test_awkward_target_names_reach_the_network(name: str) -> None:
    table = tiny_features().rename(columns={TARGETS[0]: name})
    given_ = scene(targets=(name,), features=table)
    spec = fit_inputs(given_.table, tiny_roles((name,)), given_.split, given_.params)
    from hostcast.engines import Architecture, LoaderOptions, get_engine

    engine = get_engine("reference")
    cutoffs = given_.split.cutoffs("test").head(2)
    (raw,) = engine.source(given_.table, spec).loader(cutoffs, batch_size=2, options=LoaderOptions())
    batch = engine.unpack(raw, spec)
    with torch.no_grad():
        out = engine.network(spec, Architecture(4, 2, 1, 2, 0.0)).eval()(batch)
    assert torch.isfinite(out.in_units(batch)).all()


def test_the_window_normalizer_centres_on_the_last_value_and_floors_the_spread() -> None:
    normalizer = WindowNormalizer(floor=3.0)
    normalizer.fit(torch.tensor([1.0, 3.0, 5.0, 7.0]))
    assert float(normalizer.center_) == 7.0
    assert float(normalizer.scale_) == pytest.approx(np.sqrt(5.0 + 9.0))
    normalizer.fit(torch.tensor([4.0, 4.0, 4.0]))
    assert float(normalizer.scale_) == 3.0


def test_each_target_has_a_normalizer_with_a_floor_of_its_own() -> None:
    spec = fit(scene())
    parts = target_normalizer(spec).normalizers
    assert [part.floor for part in parts] == [
        pytest.approx(FLOOR_SHARE * spec.target_scales[name].fleet.spread) for name in TARGETS
    ]


def drawn(sampler: EpochSampler, *epochs: int) -> list[list[int]]:
    out = []
    for epoch in epochs:
        sampler.set_epoch(epoch)
        out.append(list(sampler))
    return out


@settings(max_examples=80, deadline=None)
@given(windows=st.integers(1, 40), per_epoch=st.none() | st.integers(1, 90), seed=st.integers(0, 99))
def test_windows_are_drawn_without_replacement_until_all_were_seen(
    windows: int, per_epoch: int | None, seed: int
) -> None:
    sampler = EpochSampler(windows, per_epoch, seed)
    epochs = drawn(sampler, *range(4))
    assert all(len(epoch) == len(sampler) for epoch in epochs)
    stream = [window for epoch in epochs for window in epoch]
    for start in range(0, len(stream) - windows + 1, windows):
        assert sorted(stream[start : start + windows]) == list(range(windows))


def test_the_draw_depends_on_the_seed_and_the_epoch_alone() -> None:
    one, other = EpochSampler(50, 20, 3), EpochSampler(50, 20, 3)
    forward, backward = drawn(one, 0, 1, 2, 3), drawn(other, 3, 2, 1, 0)
    assert forward == backward[::-1]
    assert drawn(EpochSampler(50, 20, 4), 0) != drawn(one, 0)
    assert forward[0] != forward[3]
    np.random.seed(5)
    torch.manual_seed(5)
    assert drawn(one, 1) == [forward[1]]


def test_the_group_scales_of_the_training_span_are_applied_per_server() -> None:
    plain = scene({"model.normalizer": "group"}, features=tiny_features(missing=0.0))
    spec = fit(plain)
    frame = model_frame(plain.features, spec)
    rows = frame[~after_training(plain)]
    for column in spec.columns.targets:
        each: Any = rows.groupby("server")[column]
        np.testing.assert_allclose(each.mean(), 0.0, atol=1e-4)
        np.testing.assert_allclose(each.std(ddof=0), 1.0, atol=1e-4)

"""The fused engine's batches are those of pytorch-forecasting's TimeSeriesDataSet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from windows_of import INPUTS, assert_same_windows, batches, spec_of

from fleet import ENCODER, TARGETS, Scene, scene, tiny_features, with_lags
from hostcast.windows import Batch, InputSpec

NORMALIZERS = ("window", "encoder", "group")
pytestmark = pytest.mark.usefixtures("way")


def compared(given_: Scene, spec: InputSpec, cutoffs: pd.DataFrame, **seeded: Any) -> list[Batch]:
    """The fused engine's batches, held against the reference's."""
    fused = list(batches("fused", given_.features, spec, cutoffs, **seeded))
    reference = list(batches("reference", given_.features, spec, cutoffs, **seeded))
    assert len(fused) == len(reference) > 0
    for one, other in zip(fused, reference, strict=True):
        assert_same_windows(one, other, spec)
    return fused


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("shortest", [ENCODER, 3])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_batches_equal_the_references(normalizer: str, shortest: int, part: str) -> None:
    given_ = scene(
        {"model.normalizer": normalizer, "split.min_encoder_length": shortest},
        features=tiny_features(missing=0.15),
    )
    cutoffs = given_.split.cutoffs(part)  # type: ignore[arg-type]
    # an order that is not the table's
    cutoffs = cutoffs.sample(frac=1.0, random_state=1).reset_index(drop=True)
    made = compared(given_, spec_of(given_), cutoffs)
    if part == "train":
        lengths = torch.cat([batch.inputs["lengths"] for batch in made])
        assert int(lengths.min()) == shortest


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("targets", [TARGETS[:1], TARGETS[::-1], (*TARGETS, "a", "b", "c", "d")])
def test_any_number_of_targets_is_scaled_each_by_its_own(normalizer: str, targets: tuple[str, ...]) -> None:
    table = tiny_features(missing=0.1)
    rng = np.random.default_rng(1)
    for place, name in enumerate(targets[2:]):
        # what it is scaled by differs by orders of magnitude
        table[name] = (10.0**place * (3 + rng.normal(size=len(table)))).astype("float32")
    given_ = scene({"model.normalizer": normalizer}, targets=targets, features=table)
    spec = spec_of(given_)
    batch = compared(given_, spec, given_.split.cutoffs("test"))[0]
    assert batch.target.shape[2] == len(targets)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("targets", [TARGETS, TARGETS[:1]])
@pytest.mark.parametrize("lags", [(2,), (4,), (24, 1, 13)])
def test_lags_are_scaled_as_their_target_is_in_every_window(
    normalizer: str, targets: tuple[str, ...], lags: tuple[int, ...]
) -> None:
    made = scene(
        {"model.normalizer": normalizer, "split.min_encoder_length": 3}, features=tiny_features(missing=0.1)
    )
    given_ = with_lags(made, lags, targets[::-1])
    spec = spec_of(given_)
    assert spec.scaled_as == {f"{name}_lag_{lag}": name for lag in lags for name in targets[::-1]}
    cutoffs = given_.split.cutoffs("train")
    batch = compared(given_, spec, cutoffs)[0]
    # the first window's history begins with the server's first row, before which there was nothing
    place = [*spec.known, "elapsed", *spec.targets, *spec.observed].index(f"{targets[0]}_lag_{lags[0]}")
    lagged, own = batch.inputs["history"][:, :, place], batch.inputs["history"][:, :, len(spec.known) + 1]
    assert not lagged[0, : min(lags[0], 3)].any()
    # where both lie in a history, a lag is the target's own past, in the same scale
    whole = batch.inputs["lengths"] == ENCODER
    if lags[0] < ENCODER and whole.any():
        torch.testing.assert_close(
            lagged[whole][:, lags[0] :], own[whole][:, : -lags[0]], rtol=1e-5, atol=1e-5
        )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    rows=st.lists(st.integers(40, 90), min_size=1, max_size=4),
    missing=st.sampled_from([0.0, 0.05, 0.5]),
    shortest=st.integers(2, ENCODER),
    normalizer=st.sampled_from(["window", "group"]),
    embedding=st.booleans(),
)
def test_batches_of_any_fleet_equal_the_references(
    seed: int, rows: list[int], missing: float, shortest: int, normalizer: str, embedding: bool
) -> None:
    changes = {
        "model.normalizer": normalizer,
        "model.server_embedding": embedding,
        "split.min_encoder_length": shortest,
        "split.max_missing": 0.9,
    }
    table = tiny_features(tuple(sorted(rows, reverse=True)), missing=missing, seed=seed)
    given_ = scene(changes, features=table)
    compared(given_, spec_of(given_), given_.split.cutoffs("train"), batch_size=7, seed=seed)


def test_a_model_without_categories_and_observed_inputs_has_none_in_its_batches() -> None:
    given_ = scene({"model.server_embedding": False})
    columns = {name: given_.roles.columns[name] for name in (*TARGETS, "hour_sin")}
    bare = Scene(
        given_.features, type(given_.roles)("server", "timestamp", "1h", columns), given_.split, given_.params
    )
    batch = compared(bare, spec_of(bare), bare.split.cutoffs("test"))[0]
    assert batch.inputs["categories"].shape == (batch.size, 0)
    assert batch.inputs["history"].shape == (batch.size, ENCODER, 2 + len(TARGETS))


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_a_server_never_seen_in_training_has_code_zero_and_the_fleets_scale(normalizer: str) -> None:
    given_ = scene({"split.boundary": "per_server", "model.normalizer": normalizer})
    spec = spec_of(given_)
    features = given_.features[given_.features["server"] == "web-0"].assign(server="new", role="never seen")
    stranger = Scene(features.reset_index(drop=True), given_.roles, given_.split, given_.params)
    cutoffs = pd.DataFrame({"server": ["new", "new"], "position": [20, 40]})
    (batch,) = compared(stranger, spec, cutoffs)
    assert batch.inputs["categories"].unique().tolist() == [0]
    if normalizer == "group":
        fleet = [spec.target_scales[name].fleet for name in TARGETS]
        assert batch.center[0].tolist() == pytest.approx([scale.center for scale in fleet])
        assert batch.spread[1].tolist() == pytest.approx([scale.spread for scale in fleet])


def test_servers_keep_their_own_scale_however_they_are_named() -> None:
    table = tiny_features((60, 60, 60), missing=0.0)
    names = {"web-0": "10", "web-1": "2", "web-2": "b.c%"}
    table["server"] = table["server"].map(names).astype("str")
    given_ = scene({"model.normalizer": "group"}, features=table.sort_values(["server", "timestamp"]))
    spec = spec_of(given_)
    cutoffs = pd.DataFrame({"server": ["b.c%", "2", "10"], "position": [20, 21, 22]})
    (batch,) = compared(given_, spec, cutoffs)
    expected = [spec.target_scales[TARGETS[0]].servers[name].center for name in cutoffs["server"]]
    assert batch.center[:, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("position", [5, 40])
def test_nothing_observed_after_a_cutoff_enters_what_the_network_reads(
    normalizer: str, position: int
) -> None:
    given_ = scene({"model.normalizer": normalizer, "split.min_encoder_length": 3})
    spec = spec_of(given_)
    cutoffs = pd.DataFrame({"server": ["web-0", "web-1"], "position": [position, position]})
    changed = given_.features.copy()
    after = changed.groupby("server").cumcount() > position
    changed.loc[after, "queue"] = -999.0
    changed.loc[after, TARGETS[0]] = np.nan
    changed.loc[after, TARGETS[1]] = 1e7
    (one,), (other,) = (batches("fused", table, spec, cutoffs) for table in (given_.features, changed))
    assert not torch.equal(one.target, other.target) and not torch.equal(one.observed, other.observed)
    assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in INPUTS)
    assert torch.equal(one.center, other.center) and torch.equal(one.spread, other.spread)


def test_a_window_is_the_same_alone_as_among_shorter_ones() -> None:
    given_ = scene({"split.min_encoder_length": 3})
    spec = spec_of(given_)
    cutoffs = given_.split.cutoffs("train")
    mixed = list(batches("fused", given_.features, spec, cutoffs, batch_size=1000))
    alone = list(batches("fused", given_.features, spec, cutoffs, batch_size=1))
    assert [batch.inputs["full"] for batch in mixed] == [False]
    assert {batch.inputs["full"] for batch in alone} == {True, False}
    for name in INPUTS:
        assert torch.equal(mixed[0].inputs[name], torch.cat([batch.inputs[name] for batch in alone]))
    for name in ("target", "observed", "center", "spread"):
        assert torch.equal(getattr(mixed[0], name), torch.cat([getattr(batch, name) for batch in alone]))

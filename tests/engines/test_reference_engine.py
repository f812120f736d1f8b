"""S3: the reference engine is pytorch-forecasting's own, and its batches hold what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_forecasting import TemporalFusionTransformer, TimeSeriesDataSet

from fleet import ENCODER, HORIZON, TARGETS, Scene, scene, tiny_features
from hostcast.engines import Architecture, LoaderOptions, get_engine
from hostcast.engines.reference.dataset import real_inputs, window_dataset
from hostcast.engines.reference.network import input_names
from hostcast.features import FeatureTable
from hostcast.training.seeds import seed_everything
from hostcast.windows import Batch, InputSpec, fit_inputs

ENGINE = get_engine("reference")
NORMALIZERS = ("window", "encoder", "group")


def spec_of(given: Scene) -> InputSpec:
    return fit_inputs(given.table, given.roles, given.split, given.params)


def batches(
    given: Scene, spec: InputSpec, cutoffs: pd.DataFrame, features: pd.DataFrame | None = None, **options: Any
) -> list[Batch]:
    table = FeatureTable.of(given.features if features is None else features)
    loader = ENGINE.source(table, spec).loader(
        cutoffs,
        batch_size=16,
        options=LoaderOptions(**options),
    )
    return [ENGINE.unpack(raw, spec) for raw in loader]


def filled(series: pd.Series, fill: float) -> np.ndarray:
    return series.ffill().fillna(fill).to_numpy("float64")


def windows(made: list[Batch]) -> list[tuple[Batch, int]]:
    return [(batch, row) for batch in made for row in range(batch.size)]


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("shortest", [ENCODER, 3])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_batches_hold_the_windows_asked_for_in_order(normalizer: str, shortest: int, part: str) -> None:
    given = scene(
        {"model.normalizer": normalizer, "split.min_encoder_length": shortest},
        features=tiny_features(missing=0.15),
    )
    spec = spec_of(given)
    cutoffs = given.split.cutoffs(part, stride=3)  # type: ignore[arg-type]
    # an order that is not the table's
    cutoffs = cutoffs.sample(frac=1.0, random_state=1).reset_index(drop=True)
    found = windows(batches(given, spec, cutoffs))
    assert len(found) == len(cutoffs)
    order = {name: place for place, name in enumerate(real_inputs(spec))}
    tables = dict(list(given.features.groupby("server")))
    lengths = set()
    for (batch, row), (server, cutoff) in zip(
        found, cutoffs[["server", "position"]].itertuples(index=False), strict=True
    ):
        table = tables[server].reset_index(drop=True)
        length = min(ENCODER, cutoff + 1)
        lengths.add(length)
        assert int(batch.inputs["encoder_lengths"][row]) == length
        past = slice(cutoff + 1 - length, cutoff + 1)
        ahead = slice(cutoff + 1, cutoff + 1 + HORIZON)
        reals = batch.inputs["encoder_cont"][row].numpy()
        later = batch.inputs["decoder_cont"][row].numpy()
        for place, name in enumerate(TARGETS):
            values = filled(table[name], spec.fill[name])
            history = values[past]
            scales = spec.target_scales[name]
            match normalizer:
                case "window":
                    center = history[-1]
                    spread = np.sqrt(history.var() + (0.1 * scales.fleet.spread) ** 2)
                case "encoder":
                    center, spread = history.mean(), history.std(ddof=1)
                case _:
                    center, spread = scales.servers[server].center, scales.servers[server].spread
            assert float(batch.center[row, place]) == pytest.approx(center, rel=1e-4, abs=1e-3)
            assert float(batch.spread[row, place]) == pytest.approx(spread, rel=1e-3)
            column = order[spec.columns.targets[place]]
            np.testing.assert_allclose(
                reals[:length, column] * spread + center, history, rtol=2e-4, atol=0.02
            )
            units = batch.target[row, :, place].numpy() * spread + center
            np.testing.assert_allclose(units, values[ahead], rtol=2e-4, atol=0.02)
            seen = table[name].notna().to_numpy()[ahead]
            assert batch.observed[row, :, place].tolist() == seen.astype(float).tolist()
        queue = (filled(table["queue"], spec.fill["queue"]) - spec.scales["queue"].center) / spec.scales[
            "queue"
        ].spread
        np.testing.assert_allclose(
            reals[:length, order[spec.columns.observed[0]]], queue[past], rtol=1e-4, atol=1e-5
        )
        hour = (table["hour_sin"].to_numpy("float64") - spec.scales["hour_sin"].center) / spec.scales[
            "hour_sin"
        ].spread
        known = order[spec.columns.known[0]]
        np.testing.assert_allclose(reals[:length, known], hour[past], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(later[:, known], hour[ahead], rtol=1e-4, atol=1e-5)
        codes = batch.inputs["decoder_cat"][row, 0].tolist()
        role = spec.categories["role"].index(table["role"].iloc[0]) + 1
        assert codes == [spec.categories["server"].index(server) + 1, role]
    if part == "train":
        assert min(lengths) == shortest


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_load_the_same_batches(persistent: bool) -> None:
    given = scene()
    spec = spec_of(given)
    cutoffs = given.split.cutoffs("validation")
    alone = batches(given, spec, cutoffs)
    for workers in (1, 2) if not persistent else (2,):
        helped = batches(given, spec, cutoffs, num_workers=workers, persistent_workers=persistent)
        assert len(helped) == len(alone)
        for one, other in zip(alone, helped, strict=True):
            assert_equal(one, other)


def assert_equal(one: Batch, other: Batch) -> None:
    for name in ("target", "observed", "center", "spread"):
        assert torch.equal(getattr(one, name), getattr(other, name))
    for name in ("encoder_cont", "decoder_cont", "encoder_cat", "decoder_cat", "encoder_lengths"):
        assert torch.equal(one.inputs[name], other.inputs[name])


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_nothing_observed_after_a_cutoff_enters_what_the_network_reads(normalizer: str) -> None:
    given = scene({"model.normalizer": normalizer})
    spec = spec_of(given)
    cutoffs = given.split.cutoffs("test").groupby("server").head(1)
    changed = given.features.copy()
    after = changed.groupby("server").cumcount() > changed["server"].map(
        cutoffs.set_index("server")["position"]
    )
    changed.loc[after, "queue"] = -999.0
    changed.loc[after, TARGETS[0]] = np.nan
    changed.loc[after, TARGETS[1]] = 1e7
    (one,), (other,) = batches(given, spec, cutoffs), batches(given, spec, cutoffs, changed)
    assert not torch.equal(one.target, other.target)
    order = {name: place for place, name in enumerate(real_inputs(spec))}
    read = [order[name] for name in input_names(spec)["decoder"]]
    assert torch.equal(one.inputs["encoder_cont"], other.inputs["encoder_cont"])
    assert torch.equal(one.inputs["decoder_cont"][..., read], other.inputs["decoder_cont"][..., read])
    assert torch.equal(one.center, other.center) and torch.equal(one.spread, other.spread)
    network = made_network(spec)
    with torch.no_grad():
        assert torch.equal(network(one).quantiles, network(other).quantiles)


def made_network(spec: InputSpec) -> Any:
    seed_everything(3)
    return ENGINE.network(spec, Architecture(4, 2, 1, 2, 0.1)).eval()


def test_the_network_is_the_unmodified_class_of_pytorch_forecasting() -> None:
    given = scene()
    spec = spec_of(given)
    network = made_network(spec)
    assert type(network.tft) is TemporalFusionTransformer
    assert type(window_dataset(given.features, spec, given.split.cutoffs("test"))) is TimeSeriesDataSet
    assert TemporalFusionTransformer.__module__.startswith("pytorch_forecasting.")
    assert "forward" not in vars(network.tft)


@pytest.mark.parametrize("targets", [TARGETS, TARGETS[:1], TARGETS[1:]])
@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_the_output_has_a_level_per_target_and_step(targets: tuple[str, ...], normalizer: str) -> None:
    given = scene({"model.normalizer": normalizer}, targets=targets)
    spec = spec_of(given)
    batch = batches(given, spec, given.split.cutoffs("validation"))[0]
    with torch.no_grad():
        out = made_network(spec)(batch)
    n, count = batch.size, len(targets)
    names = input_names(spec)
    assert out.quantiles.shape == (n, HORIZON, count, 3)
    assert out.in_units(batch).shape == (n, HORIZON, count, 3)
    assert out.encoder_attention.shape == (n, HORIZON, 2, ENCODER)
    assert out.static_weights.shape == (n, len(names["static"]))
    assert out.encoder_weights.shape == (n, ENCODER, len(names["encoder"]))
    assert out.decoder_weights.shape == (n, HORIZON, len(names["decoder"]))
    assert batch.target.shape == (n, HORIZON, count)


def test_a_server_never_seen_in_training_is_forecast_with_code_zero() -> None:
    given = scene({"split.boundary": "per_server"})
    spec = spec_of(given)
    features = given.features[given.features["server"] == "web-0"].assign(server="new", role="never seen")
    cutoffs = pd.DataFrame({"server": ["new", "new"], "position": [20, 40]})
    for normalizer in NORMALIZERS:
        changed = InputSpec.from_dict({**spec.to_dict(), "normalizer": normalizer})
        (batch,) = batches(given, changed, cutoffs, features.reset_index(drop=True))
        assert batch.inputs["decoder_cat"].unique().tolist() == [0]
        with torch.no_grad():
            assert torch.isfinite(made_network(changed)(batch).in_units(batch)).all()
        if normalizer == "group":
            fleet = spec.target_scales[TARGETS[0]].fleet
            assert float(batch.center[0, 0]) == pytest.approx(fleet.center)


def test_servers_keep_their_own_scale_however_they_are_named() -> None:
    # pytorch-forecasting gives a server its neighbour's scale when the group column's codes are shifted
    table = tiny_features((60, 60, 60), missing=0.0)
    names = {"web-0": "10", "web-1": "2", "web-2": "b.c%"}
    table["server"] = table["server"].map(names).astype("str")
    given = scene({"model.normalizer": "group"}, features=table.sort_values(["server", "timestamp"]))
    spec = spec_of(given)
    cutoffs = pd.DataFrame({"server": ["b.c%", "2", "10"], "position": [20, 21, 22]})
    (batch,) = batches(given, spec, cutoffs)
    expected = [spec.target_scales[TARGETS[0]].servers[name].center for name in cutoffs["server"]]
    assert batch.center[:, 0].tolist() == pytest.approx(expected)
    assert expected[0] > expected[1] > expected[2]


@pytest.mark.parametrize("position", [ENCODER - 2, 117, 500])
def test_a_cutoff_without_room_for_a_window_is_refused_by_name(position: int) -> None:
    given = scene()
    cutoffs = pd.DataFrame({"server": ["web-0"], "position": [position]})
    with pytest.raises(ValueError, match=f"row {position} of 'web-0'"):
        window_dataset(given.features, spec_of(given), cutoffs)


def test_the_training_loader_drops_the_broken_batch_unless_it_is_the_only_one() -> None:
    given = scene()
    spec = spec_of(given)
    cutoffs = given.split.cutoffs("train")

    def sizes(batch_size: int, per_epoch: int | None) -> list[int]:
        loader = ENGINE.source(given.table, spec).loader(
            cutoffs,
            batch_size=batch_size,
            options=LoaderOptions(),
            windows_per_epoch=per_epoch,
            seed=1,
        )
        return [ENGINE.unpack(raw, spec).size for raw in loader]

    assert sizes(16, 40) == [16, 16]
    assert sizes(16, 5) == [5]
    assert sizes(1000, None) == [len(cutoffs)]


def test_the_reference_engine_refuses_a_shard() -> None:
    given = scene()
    source = ENGINE.source(given.table, spec_of(given))
    with pytest.raises(ValueError, match="one device"):
        source.loader(given.split.cutoffs("test"), batch_size=4, options=LoaderOptions(shard=(0, 2)))


def test_the_scale_of_a_batch_survives_a_move_between_devices() -> None:
    given = scene()
    spec = spec_of(given)
    loader = ENGINE.source(given.table, spec).loader(
        given.split.cutoffs("test"), batch_size=4, options=LoaderOptions()
    )
    raw = next(iter(loader))
    again = ENGINE.unpack(raw, spec)
    assert_equal(again, ENGINE.unpack(tuple(raw), spec))


def test_crossed_levels_are_put_in_order_and_brought_to_the_targets_unit() -> None:
    given = scene()
    spec = spec_of(given)
    batch = batches(given, spec, given.split.cutoffs("test"))[0]
    with torch.no_grad():
        out = made_network(spec)(batch)
    units = out.in_units(batch)
    assert (units.diff(dim=-1) >= 0).all()
    by_hand = np.sort(out.quantiles.numpy(), axis=-1) * batch.spread.numpy()[:, None, :, None]
    np.testing.assert_allclose(units, by_hand + batch.center.numpy()[:, None, :, None], rtol=1e-5)

"""Forecast tables: their form, their ranges, and that they know nothing of the future."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fleet import ENCODER, HORIZON, TARGETS, Scene, scene, tiny_features, tiny_params
from hostcast.engines import Architecture, get_engine
from hostcast.features import FeatureTable
from hostcast.forecasting import Forecast, forecast, quantile_column
from hostcast.model import Model
from hostcast.training import Trained
from hostcast.training.seeds import seed_everything
from hostcast.windows import fit_inputs

LEVELS = ["q0.1", "q0.5", "q0.9"]


def untrained(given: Scene, engine: str = "fused") -> Model:
    spec = fit_inputs(given.table, given.roles, given.split, given.params)
    architecture = Architecture.of(given.params.model)
    seed_everything(5)
    return Model(get_engine(engine).network(spec, architecture).eval(), spec, architecture, engine, {})


def made(
    model: Model,
    given: Scene,
    features: pd.DataFrame | None = None,
    cutoffs: Any = None,
    interpret: bool = True,
    **changes: Any,
) -> Forecast:
    return forecast(
        model,
        FeatureTable.of(given.features if features is None else features),
        given.split.cutoffs("test", stride=5) if cutoffs is None else cutoffs,
        step=given.params.base.step,
        params=tiny_params({key.replace("__", "."): value for key, value in changes.items()}),
        interpret=interpret,
    )


def test_the_table_has_a_row_per_server_cutoff_step_and_target() -> None:
    given = scene()
    cutoffs = given.split.cutoffs("test", stride=5).sample(frac=1, random_state=0).reset_index(drop=True)
    table = made(untrained(given), given, cutoffs=cutoffs).table
    assert list(table.columns) == ["server", "cutoff", "timestamp", "target", *LEVELS]
    assert len(table) == len(cutoffs) * HORIZON * len(TARGETS)
    assert not table.duplicated(["server", "cutoff", "timestamp", "target"]).any()
    ahead = (table["timestamp"] - table["cutoff"]) / given.params.base.step
    assert sorted(set(ahead)) == [1, 2, 3, 4]
    keys = ["server", "cutoff", "target", "timestamp"]
    pd.testing.assert_frame_equal(table, table.sort_values(keys, ignore_index=True))
    assert str(table["timestamp"].dt.tz) == str(table["cutoff"].dt.tz) == "UTC"
    assert (table.dtypes[LEVELS] == "float64").all()
    known = given.features.set_index(["server", "timestamp"]).index
    assert set(map(tuple, table[["server", "timestamp"]].to_numpy())) <= set(known)


@pytest.mark.parametrize("normalizer", ["window", "encoder", "group"])
@pytest.mark.parametrize("targets", [TARGETS, TARGETS[:1]], ids=["two", "one"])
def test_both_engines_forecast_alike_and_look_at_the_same(normalizer: str, targets: tuple[str, ...]) -> None:
    given = scene({"model.normalizer": normalizer, "split.min_encoder_length": 3}, targets=targets)
    # the first windows of a server have short histories
    cutoffs = pd.concat([given.split.cutoffs("train", stride=4), given.split.cutoffs("test", stride=5)])
    cutoffs = cutoffs.reset_index(drop=True)
    one, other = (made(untrained(given, engine), given, cutoffs=cutoffs) for engine in ("fused", "reference"))
    keys = ["server", "cutoff", "timestamp", "target"]
    pd.testing.assert_frame_equal(one.table[keys], other.table[keys])
    np.testing.assert_allclose(one.table[LEVELS], other.table[LEVELS], rtol=1e-5, atol=2e-3)
    for part in ("importance", "attention"):
        pd.testing.assert_frame_equal(getattr(one, part), getattr(other, part), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_without_interpretation_the_table_is_the_same(engine: str) -> None:
    given = scene({"split.min_encoder_length": 3})
    model = untrained(given, engine)
    silent = made(model, given, interpret=False)
    whole = made(model, given)
    pd.testing.assert_frame_equal(silent.table, whole.table, check_exact=True)
    assert (silent.importance["importance"] == 0).all() and (silent.attention["weight"] == 0).all()
    assert (whole.importance["importance"] > 0).all() and (whole.attention["weight"] > 0).all()


def test_levels_are_named_by_their_share() -> None:
    assert [quantile_column(level) for level in (0.05, 0.1, 0.5, 0.975)] == [
        "q0.05",
        "q0.1",
        "q0.5",
        "q0.975",
    ]


@pytest.mark.parametrize("normalizer", ["window", "encoder", "group"])
def test_quantiles_never_cross_and_stay_within_the_ranges(normalizer: str) -> None:
    given = scene({"model.normalizer": normalizer})
    ranges: dict[str, list[float | None]] = {TARGETS[0]: [33.0, None], TARGETS[1]: [None, 1200.0]}
    model = untrained(given)
    free = made(model, given).table
    table = made(model, given, prepare__ranges=ranges).table
    assert (np.diff(table[LEVELS].to_numpy(), axis=1) >= 0).all()
    assert np.isfinite(table[LEVELS].to_numpy()).all()
    for name, (low, high) in ranges.items():
        values = free.loc[free["target"] == name, LEVELS].to_numpy()
        clipped = table.loc[table["target"] == name, LEVELS].to_numpy()
        assert (clipped == np.clip(values, low, high)).all()
        assert (clipped != values).any()


def test_an_open_range_changes_nothing() -> None:
    given = scene()
    model = untrained(given)
    open_ = {name: [None, None] for name in TARGETS}
    pd.testing.assert_frame_equal(made(model, given).table, made(model, given, prepare__ranges=open_).table)


def test_a_forecast_does_not_depend_on_anything_observed_after_its_cutoff() -> None:
    given = scene({"split.min_encoder_length": 3})
    model = untrained(given)
    cutoffs = given.split.cutoffs("test", stride=7)
    whole = made(model, given, cutoffs=cutoffs).table
    for place in range(0, len(cutoffs), 3):
        one = cutoffs.iloc[[place]].reset_index(drop=True)
        server, position = one["server"][0], int(one["position"][0])
        changed = given.features.copy()
        rows = (changed["server"] == server) & (changed.groupby("server").cumcount() > position)
        changed.loc[rows, TARGETS[0]] = np.nan
        changed.loc[rows, [TARGETS[1], "queue"]] = 3e6
        poisoned = made(model, given, changed, one).table
        same = whole[(whole["server"] == server) & (whole["cutoff"] == one["cutoff"][0])]
        np.testing.assert_allclose(poisoned[LEVELS].to_numpy(), same[LEVELS].to_numpy(), rtol=1e-5, atol=1e-4)
        pd.testing.assert_frame_equal(poisoned, made(model, given, cutoffs=one).table, check_exact=True)


def test_what_is_known_ahead_is_used() -> None:
    given = scene()
    model = untrained(given)
    one = given.split.cutoffs("test").head(1)
    changed = given.features.copy()
    rows = (changed["server"] == one["server"][0]) & (
        changed.groupby("server").cumcount() > int(one["position"][0])
    )
    changed.loc[rows, "hour_sin"] = 0.5
    plain = made(model, given, cutoffs=one).table
    assert not plain[LEVELS].equals(made(model, given, changed, one).table[LEVELS])


def test_the_batch_size_and_the_workers_do_not_matter() -> None:
    given = scene({"split.min_encoder_length": 3})
    model = untrained(given)
    one, other = made(model, given), made(model, given, evaluate__batch_size=3, runtime__num_workers=1)
    np.testing.assert_allclose(one.table[LEVELS], other.table[LEVELS], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(one.importance["importance"], other.importance["importance"], rtol=1e-4)


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_importance_sums_to_one_in_each_part_and_attention_over_the_history(engine: str) -> None:
    given = scene()
    result = made(untrained(given, engine), given)
    assert list(result.importance.columns) == ["part", "variable", "importance"]
    sums = result.importance.groupby("part")["importance"].sum()
    assert sums.to_dict() == pytest.approx({"static": 1.0, "encoder": 1.0, "decoder": 1.0})
    names = result.importance.groupby("part")["variable"].apply(list).to_dict()
    assert names["static"] == ["server", "role"]
    assert names["encoder"] == ["hour_sin", "steps ahead", *TARGETS, "queue"]
    assert names["decoder"] == ["hour_sin", "steps ahead"]
    assert (result.importance["importance"] > 0).all()
    assert result.attention["position"].tolist() == list(range(-ENCODER, 0))
    assert result.attention["weight"].sum() == pytest.approx(1.0)
    assert (result.attention["weight"] > 0).all()


def test_attention_of_a_short_history_is_counted_back_from_its_end() -> None:
    given = scene({"split.min_encoder_length": 3})
    short = pd.DataFrame(
        {"server": ["web-0", "web-1"], "position": [4, 4], "cutoff": [given.features["timestamp"][4]] * 2}
    )
    result = made(untrained(given), given, cutoffs=short)
    weights = result.attention.set_index("position")["weight"]
    assert (weights.loc[:-6] == 0).all()
    assert (weights.loc[-5:] > 0).all()


def test_a_model_without_categories_tells_no_static_importance() -> None:
    given = scene({"model.server_embedding": False})
    columns = {name: column for name, column in given.roles.columns.items() if name != "role"}
    bare = Scene(
        given.features, type(given.roles)("server", "timestamp", "1h", columns), given.split, given.params
    )
    result = made(untrained(bare), bare)
    assert set(result.importance["part"]) == {"encoder", "decoder"}
    assert np.isfinite(result.table[LEVELS].to_numpy()).all()


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("normalizer", ["window", "group"])
@pytest.mark.parametrize("order", [TARGETS, TARGETS[::-1]], ids=["as-is", "reversed"])
def test_each_output_belongs_to_its_own_target(
    train_in: Callable[..., Trained], normalizer: str, order: tuple[str, ...], engine: str
) -> None:
    given = scene(
        {
            "model.normalizer": normalizer,
            "train.engine": engine,
            "train.epochs": 2,
            "train.learning_rate": 0.02,
        },
        targets=order,
        features=tiny_features((96, 96)),
    )
    trained = train_in(given)
    model = Model(trained.network, trained.spec, trained.architecture, engine, {})
    table = made(model, given).table
    actual = given.features.melt(["server", "timestamp"], list(TARGETS), "target", "actual")
    both = table.merge(actual, on=["server", "timestamp", "target"]).dropna()
    for name, level in zip(TARGETS, (35.0, 1150.0), strict=True):
        rows = both[both["target"] == name]
        assert rows["q0.5"].mean() == pytest.approx(level, rel=0.25)
        assert (rows["q0.5"] - rows["actual"]).abs().mean() < 0.35 * rows["actual"].mean()
        # each server has a level of its own
        levels = rows.groupby("server")["q0.5"].mean()
        assert levels["web-0"] < levels["web-1"]


def test_forecasting_leaves_the_network_on_the_cpu_and_in_evaluation_mode() -> None:
    given = scene()
    model = untrained(given)
    model.network.train()
    first = made(model, given).table
    assert not model.network.training
    assert {parameter.device.type for parameter in model.network.parameters()} == {"cpu"}
    assert torch.is_grad_enabled()
    pd.testing.assert_frame_equal(first, made(model, given).table)

"""A model's calibration: learned on held-out windows, kept with it, applied by every forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fleet import ENCODER, HORIZON, TARGETS, Scene, scene, tiny_params
from hostcast.calibration import Calibration
from hostcast.engines import Architecture, get_engine
from hostcast.errors import HostcastError
from hostcast.features import FeatureTable
from hostcast.forecasting import Forecast, calibrate, forecast
from hostcast.model import Model, load_model, save_model
from hostcast.training.seeds import seed_everything
from hostcast.windows import fit_inputs

LEVELS = ["q0.1", "q0.5", "q0.9"]


@pytest.fixture(scope="module")
def given() -> Scene:
    return scene({"split.validation_split": 0.3, "split.test_split": 0.4, "split.validation_stride": 1})


def calibration_of(model: Model, given: Scene, features: pd.DataFrame | None = None) -> Calibration:
    return calibrate(
        model,
        FeatureTable.of(given.features if features is None else features),
        given.split.cutoffs("validation"),
        until=given.split.last_of_validation(),
        params=given.params,
    )


@pytest.fixture(scope="module")
def plain(given: Scene) -> Model:
    """A network that was not trained: its intervals are as wrong as can be."""
    spec = fit_inputs(given.table, given.roles, given.split, given.params)
    architecture = Architecture.of(given.params.model)
    seed_everything(5)
    return Model(get_engine("fused").network(spec, architecture).eval(), spec, architecture, "fused", {})


@pytest.fixture(scope="module")
def model(plain: Model, given: Scene) -> Model:
    return replace(plain, calibration=calibration_of(plain, given))


def made(
    model: Model,
    given: Scene,
    method: str,
    *,
    features: pd.DataFrame | None = None,
    cutoffs: Any = None,
    **changes: Any,
) -> Forecast:
    return forecast(
        model,
        FeatureTable.of(given.features if features is None else features),
        given.split.cutoffs("test") if cutoffs is None else cutoffs,
        step=given.params.base.step,
        params=tiny_params({"calibration.method": method, "calibration.rate": 0.2, **changes}),
    )


def coverage(table: pd.DataFrame, given: Scene) -> pd.Series:
    actual = given.features.melt(["server", "timestamp"], list(TARGETS), "target", "actual")
    both = table.merge(actual, on=["server", "timestamp", "target"]).dropna()
    inside = (both["actual"] >= both["q0.1"]) & (both["actual"] <= both["q0.9"])
    return inside.groupby(both["target"]).mean()


@pytest.mark.parametrize("method", ["conformal", "adaptive"])
def test_a_calibrated_forecast_holds_more_nearly_what_it_promises(
    model: Model, given: Scene, method: str
) -> None:
    result = made(model, given, method)
    assert result.uncalibrated is not None
    before, after = (coverage(table, given) for table in (result.uncalibrated, result.table))
    assert ((after - 0.8).abs() < 0.1).all()
    assert ((after - 0.8).abs() < (before - 0.8).abs()).all()


@pytest.mark.parametrize("method", ["conformal", "adaptive"])
def test_the_median_stays_quantiles_rise_and_ranges_hold(model: Model, given: Scene, method: str) -> None:
    ranges: dict[str, list[float | None]] = {TARGETS[0]: [33.0, None], TARGETS[1]: [None, 1200.0]}
    result = made(model, given, method, **{"prepare.ranges": ranges})
    assert result.uncalibrated is not None
    pd.testing.assert_series_equal(result.table["q0.5"], result.uncalibrated["q0.5"], check_exact=True)
    assert (np.diff(result.table[LEVELS].to_numpy(), axis=1) >= 0).all()
    for name, (low, high) in ranges.items():
        values = result.table.loc[result.table["target"] == name, LEVELS].to_numpy()
        assert (values == np.clip(values, low, high)).all()


def test_without_a_calibration_or_a_wish_for_one_forecasts_are_the_networks(
    plain: Model, model: Model, given: Scene
) -> None:
    results = [made(model, given, "none"), made(plain, given, "adaptive")]
    assert all(result.uncalibrated is None for result in results)
    pd.testing.assert_frame_equal(results[0].table, results[1].table, check_exact=True)
    corrected = made(model, given, "conformal")
    assert corrected.uncalibrated is not None
    pd.testing.assert_frame_equal(corrected.uncalibrated, results[0].table, check_exact=True)
    pd.testing.assert_frame_equal(corrected.importance, results[0].importance, check_exact=True)


@pytest.mark.parametrize("method", ["conformal", "adaptive"])
def test_a_calibrated_forecast_depends_on_nothing_after_its_cutoff_and_on_no_other_forecast(
    model: Model, given: Scene, method: str
) -> None:
    cutoffs = given.split.cutoffs("test")
    whole = made(model, given, method).table
    for place in range(0, len(cutoffs), 31):
        one = cutoffs.iloc[[place]].reset_index(drop=True)
        changed = given.features.copy()
        later = changed["timestamp"] > one["cutoff"][0]
        changed.loc[later, [*TARGETS, "queue"]] = 3e6
        poisoned = made(model, given, method, features=changed, cutoffs=one).table
        keys = ["server", "cutoff", "timestamp", "target"]
        same = poisoned[keys].merge(whole, on=keys)
        np.testing.assert_allclose(poisoned[LEVELS].to_numpy(), same[LEVELS].to_numpy(), rtol=1e-5, atol=1e-3)


def test_what_came_true_since_the_calibration_widens_the_intervals_of_a_server_that_changed(
    model: Model, given: Scene
) -> None:
    last = given.split.cutoffs("test").groupby("server").tail(1).reset_index(drop=True)
    changed = given.features.copy()
    position = changed.groupby("server").cumcount()
    since = position - given.split.spans[0].validation_end
    # what the last forecasts read stays as it was
    grown = (changed["server"] == "web-0") & (since >= 0) & (position < int(last["position"][0]) - ENCODER)
    changed.loc[grown, TARGETS[0]] *= (1.5 ** since[grown]).astype("float32")

    def widths(features: pd.DataFrame, method: str) -> pd.Series:
        table = made(model, given, method, features=features, cutoffs=last).table
        rows = table[table["target"] == TARGETS[0]]
        return (rows["q0.9"] - rows["q0.1"]).groupby(rows["server"]).mean()

    before, after = widths(given.features, "adaptive"), widths(changed, "adaptive")
    assert after["web-0"] > 1.2 * before["web-0"]
    pd.testing.assert_series_equal(after[1:], before[1:], rtol=1e-5)
    pd.testing.assert_series_equal(
        widths(changed, "conformal"), widths(given.features, "conformal"), rtol=1e-5
    )


def test_a_calibration_depends_on_nothing_after_the_validation_span(plain: Model, given: Scene) -> None:
    changed = given.features.copy()
    ends = {span.server: span.validation_end for span in given.split.spans}
    later = changed.groupby("server").cumcount() >= changed["server"].map(ends)
    changed.loc[later, [*TARGETS, "queue"]] = 3e6
    one, other = calibration_of(plain, given), calibration_of(plain, given, changed)
    for name in ("steps", "fleet", "by_server", "scores"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_values_that_were_not_observed_are_no_scores(plain: Model, given: Scene) -> None:
    cutoffs = given.split.cutoffs("validation")
    ahead = np.arange(1, HORIZON + 1)
    values = dict(list(given.features.groupby("server", sort=False)))
    count = sum(
        values[server][TARGETS[0]].notna().to_numpy()[position + ahead].sum()
        for server, position in zip(cutoffs["server"], cutoffs["position"], strict=True)
    )
    assert calibration_of(plain, given).scores[0] == count < len(cutoffs) * HORIZON


def test_a_server_that_training_never_saw_is_forecast_with_the_fleets_calibration(
    model: Model, given: Scene
) -> None:
    stranger = given.features[given.features["server"] == "web-0"].assign(server="new")
    features = pd.concat([given.features, stranger.astype(given.features.dtypes)], ignore_index=True)
    features = features.sort_values(["server", "timestamp"], ignore_index=True)
    cutoffs = given.split.cutoffs("test")
    cutoffs = cutoffs[cutoffs["server"] == "web-0"].assign(server="new").reset_index(drop=True)
    result = made(model, given, "adaptive", features=features, cutoffs=cutoffs)
    assert result.uncalibrated is not None
    assert not result.table[LEVELS].equals(result.uncalibrated[LEVELS])
    assert np.isfinite(result.table[LEVELS].to_numpy()).all()


def test_a_saved_model_forecasts_calibrated(model: Model, given: Scene, tmp_path: Path) -> None:
    save_model(model, tmp_path / "tft")
    assert sorted(path.name for path in (tmp_path / "tft").iterdir()) == [
        "calibration.safetensors",
        "model.json",
        "weights.safetensors",
    ]
    loaded = load_model(tmp_path / "tft")
    for method in ("conformal", "adaptive"):
        pd.testing.assert_frame_equal(
            made(loaded, given, method).table, made(model, given, method).table, check_exact=True
        )


def test_a_model_folder_from_before_there_was_a_calibration_still_loads(
    plain: Model, given: Scene, tmp_path: Path
) -> None:
    save_model(plain, tmp_path / "tft")
    assert "calibration" not in (tmp_path / "tft" / "model.json").read_text("utf-8")
    assert load_model(tmp_path / "tft").calibration is None


def test_a_calibration_that_was_altered_or_lost_is_an_error(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "tft")
    path = tmp_path / "tft" / "calibration.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(HostcastError, match="was altered") as caught:
        load_model(tmp_path / "tft")
    assert caught.value.remedy
    path.unlink()
    with pytest.raises(HostcastError, match="calibration is missing"):
        load_model(tmp_path / "tft")

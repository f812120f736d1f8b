"""S4: a model folder holds safetensors and JSON, comes back exactly, and refuses what was damaged."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors import safe_open

from fleet import Scene, scene
from hostcast.account import training_data_of
from hostcast.engines import Architecture, get_engine
from hostcast.errors import HostcastError
from hostcast.forecasting import forecast
from hostcast.model import Model, load_model, save_model
from hostcast.training.seeds import seed_everything
from hostcast.windows import fit_inputs


@pytest.fixture(scope="module")
def given() -> Scene:
    return scene()


def model_of(given: Scene, engine: str) -> Model:
    """A network that was not trained."""
    spec = fit_inputs(given.table, given.roles, given.split, given.params)
    architecture = Architecture.of(given.params.model)
    seed_everything(5)
    network = get_engine(engine).network(spec, architecture).eval()
    return Model(network, spec, architecture, engine, {"versions": {"torch": "1"}, "metrics": {"a": 1.5}})


@pytest.fixture
def model(given: Scene) -> Model:
    return model_of(given, "fused")


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Iterator[Path]:
    save_model(model, tmp_path / "models" / "tft")
    yield tmp_path / "models" / "tft"


def table_of(model: Model, given: Scene) -> pd.DataFrame:
    return forecast(
        model,
        given.table,
        given.split.cutoffs("test", stride=4),
        step=given.params.base.step,
        params=given.params,
    ).table


def test_a_loaded_model_forecasts_the_same_to_the_bit(model: Model, saved: Path, given: Scene) -> None:
    loaded = load_model(saved)
    assert loaded.spec == model.spec
    assert loaded.architecture == model.architecture
    assert loaded.provenance == model.provenance
    assert not loaded.network.training
    pd.testing.assert_frame_equal(table_of(model, given), table_of(loaded, given), check_exact=True)


@pytest.mark.parametrize("saving", ["fused", "reference"])
def test_a_folder_that_one_engine_wrote_is_computed_by_the_other(
    tmp_path: Path, given: Scene, saving: str
) -> None:
    model = model_of(given, saving)
    save_model(model, tmp_path / "tft")
    other = "reference" if saving == "fused" else "fused"
    description = json.loads((tmp_path / "tft" / "model.json").read_text())
    assert description["engine"] == saving
    (tmp_path / "tft" / "model.json").write_text(json.dumps({**description, "engine": other}))
    loaded = load_model(tmp_path / "tft")
    assert loaded.engine == other
    pd.testing.assert_frame_equal(table_of(model, given), table_of(loaded, given), rtol=1e-5)


def test_the_engines_write_the_same_weights_as_the_same_bytes(tmp_path: Path, given: Scene) -> None:
    for engine in ("fused", "reference"):
        save_model(model_of(given, engine), tmp_path / engine)
    files = [tmp_path / engine / "weights.safetensors" for engine in ("fused", "reference")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_folder_holds_only_safetensors_and_json(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["model.json", "weights.safetensors"]
    json.loads((saved / "model.json").read_text("utf-8"))
    with safe_open(saved / "weights.safetensors", framework="pt") as source:
        assert len(list(source.keys())) > 10
    assert sorted(path.name for path in saved.parent.iterdir()) == ["tft"]


def test_the_same_model_is_written_as_the_same_bytes(model: Model, tmp_path: Path) -> None:
    for name in ("one", "other"):
        save_model(model, tmp_path / name)
    for name in ("model.json", "weights.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_an_account_of_the_training_data_is_kept_with_the_model(model: Model, tmp_path: Path) -> None:
    account, folder = '{"servers": {"é": 1}}\n', tmp_path / "tft"
    save_model(model, folder, training_data=account)
    kept = training_data_of(folder)
    assert (kept.parent, kept.read_text("utf-8")) == (folder, account)
    load_model(folder)
    kept.write_text("{}")
    with pytest.raises(HostcastError, match="was altered"):
        training_data_of(folder)
    save_model(model, folder)
    with pytest.raises(HostcastError, match="no account of the training data"):
        training_data_of(folder)


def test_a_new_model_replaces_the_old_one(model: Model, saved: Path) -> None:
    (saved / "stale.bin").touch()
    save_model(model, saved)
    assert not (saved / "stale.bin").exists()
    load_model(saved)


def test_loading_and_saving_never_pickle(model: Model, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("something was pickled")

    for module, name in (
        (pickle, "loads"),
        (pickle, "load"),
        (pickle, "dumps"),
        (pickle, "Unpickler"),
        (torch, "load"),
        (torch, "save"),
    ):
        monkeypatch.setattr(module, name, refuse)
    save_model(load_model(saved), saved)


def test_modules_that_share_weights_still_share_them_after_loading(model: Model, saved: Path) -> None:
    def tied(network: torch.nn.Module) -> set[frozenset[str]]:
        places: dict[int, set[str]] = {}
        for name, parameter in network.named_parameters(remove_duplicate=False):
            places.setdefault(parameter.data_ptr(), set()).add(name)
        return {frozenset(names) for names in places.values() if len(names) > 1}

    assert tied(model.network)
    assert tied(load_model(saved).network) == tied(model.network)


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: altered(folder / "weights.safetensors"), "the weights were altered"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "the weights are missing"),
        (lambda folder: (folder / "model.json").unlink(), "there is no model here"),
        (lambda folder: (folder / "model.json").write_text("{"), "not readable as JSON"),
        (lambda folder: (folder / "model.json").write_bytes(b"\xff"), "not readable as JSON"),
        (lambda folder: (folder / "model.json").write_text("[]"), "not a model description"),
        (lambda folder: (folder / "model.json").write_text('{"format": 99}'), "not a model description"),
    ],
)
def test_a_damaged_folder_is_an_error_with_a_remedy(
    saved: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(saved)
    with pytest.raises(HostcastError, match=message) as caught:
        load_model(saved)
    assert caught.value.remedy


@pytest.mark.parametrize("key", ["engine", "architecture", "spec", "weights"])
@pytest.mark.parametrize("value", [None, [], {}, "x", 3, [1], {"x": 1}])
def test_a_description_that_does_not_fit_is_an_error(saved: Path, key: str, value: Any) -> None:
    description = json.loads((saved / "model.json").read_text())
    description[key] = value
    (saved / "model.json").write_text(json.dumps(description))
    with pytest.raises(HostcastError):
        load_model(saved)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("architecture", "hidden_size", 8),
        ("architecture", "lstm_layers", 2),
        ("architecture", "attention_heads", 3),
        ("spec", "targets", ["cpu"]),
        ("spec", "categories", []),
        ("spec", "scales", []),
        ("spec", "target_scales", {"cpu": 1}),
        ("spec", "quantiles", [0.5]),
        ("spec", "known", ["hour_sin", "queue", "more"]),
    ],
)
def test_sizes_and_inputs_that_the_weights_do_not_have_are_an_error(
    saved: Path, section: str, key: str, value: Any
) -> None:
    description = json.loads((saved / "model.json").read_text())
    description[section][key] = value
    (saved / "model.json").write_text(json.dumps(description))
    with pytest.raises(HostcastError, match="does not fit"):
        load_model(saved)


def test_a_model_that_cannot_be_written_is_an_error_that_names_the_folder(
    model: Model, tmp_path: Path
) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    with pytest.raises(HostcastError, match="the model could not be written") as caught:
        save_model(model, tmp_path / "models" / "tft")
    assert str(tmp_path / "models" / "tft") in str(caught.value)

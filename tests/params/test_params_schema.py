"""params.yaml: every key is read, every reader has its key, and mistakes are named."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel

from fleet import SHIPPED, shipped
from hostcast.errors import HostcastError
from hostcast.params import Params, load_params, parse_params

ROOT = SHIPPED.parent


def fields_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields_of(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def keys_of(content: dict[str, Any], schema: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, value in content.items():
        field = schema.model_fields.get(name)
        kind = None if field is None else field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys_of(value, kind, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def test_the_file_and_the_schema_name_the_same_keys() -> None:
    assert sorted(keys_of(shipped(), Params)) == sorted(fields_of(Params))


def attributes_read() -> set[str]:
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").rglob("*.py")]
    return {
        node.attr
        for path in files
        if path.name != "schema.py" and path.parent.name != "sections"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }


def test_every_key_has_a_reader() -> None:
    read = attributes_read()
    # read as `base.step`, which the schema makes of it
    unread = [key for key in fields_of(Params) if key.split(".")[-1] not in read and key != "base.freq"]
    assert unread == []


def test_every_key_has_a_comment_and_every_section_is_a_section_of_the_schema() -> None:
    above = ""
    for line in SHIPPED.read_text("utf-8").splitlines():
        commented, above = above.lstrip().startswith("#"), line
        stripped = line.strip()
        if not stripped or (stripped.startswith(("#", "- ")) and "#" in stripped):
            continue
        key, _, rest = stripped.partition(":")
        heads_a_section = not line.startswith(" ") or key == "simulate"
        within_ranges = key in shipped()["prepare"]["ranges"]
        assert heads_a_section or within_ranges or commented or "#" in rest, f"no comment: {line}"


def test_the_shipped_file_is_valid() -> None:
    params = load_params(SHIPPED)
    assert params.base.step == pd.Timedelta("5min")


def broken(changes: dict[str, Any]) -> str:
    content = shipped()
    for path, value in changes.items():
        *sections, key = path.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[key] = value
    with pytest.raises(HostcastError) as caught:
        parse_params(content)
    assert "What to do:" in str(caught.value) and "file params.yaml" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("train.epohcs", 3, "train.epohcs: unknown key"),
        ("extra", {}, "extra: unknown key"),
        ("train.epochs", "ten", "train.epochs: must be a whole number (given: 'ten')"),
        ("train.epochs", 0, "train.epochs: "),
        ("train.epochs", 1.5, "train.epochs: "),
        ("train.epochs", True, "train.epochs: "),
        ("train.epochs", None, "train.epochs: "),
        ("runtime.prometheus.timeout", 1e10, "runtime.prometheus.timeout: must be at most 86400"),
        ("train.learning_rate", "1e-3", "train.learning_rate: "),
        ("train.learning_rate", float("nan"), "train.learning_rate: "),
        ("train.learning_rate", float("inf"), "train.learning_rate: "),
        ("train.precision", "16", "'32-true', '16-mixed' or 'bf16-mixed'"),
        ("train.lr_schedule", "step", "train.lr_schedule: "),
        ("train.val_check_interval", 0, "train.val_check_interval: "),
        ("featurize.lagged", ["nobody"], "featurize.lagged names ['nobody'], which is no target"),
        ("train.target_weights", {"nobody": 1.0}, "train.target_weights names ['nobody']"),
        ("train.checkpoint_every_n_epochs", 10, "checkpoint_every_n_epochs 10 saves nothing"),
        ("model.attention_heads", 3, "attention_heads 3 does not divide hidden_size 16"),
        ("split.min_encoder_length", 289, "min_encoder_length 289 exceeds encoder_length 288"),
        ("prepare.encoding", "klingon", "prepare.encoding: 'klingon' is not a text encoding"),
        ("prepare.not_after", "tomorrow", "prepare.not_after: 'tomorrow' is not a date"),
        ("prepare.max_clock_skew", "long", "prepare.max_clock_skew: 'long' is no fixed length of time"),
        ("prepare.units", {"gpu": "fraction"}, "prepare.units names ['gpu']"),
        ("prepare.units", {"cpu_percent": "bytes"}, "prepare.units.cpu_percent: "),
        ("prepare.counters", ["gpu"], "prepare.counters names ['gpu']"),
        ("prepare.counters", ["cpu_percent"] * 2, "prepare.counters: names a column twice"),
        ("prepare.columns", {"cpu_percent": []}, "prepare.columns.cpu_percent: "),
        ("prepare.rename_servers", {"a": "b", "b": "c"}, "['b'] is both an old and a new name"),
        ("split.test_split", 0.8, "leave nothing to train on"),
        ("split.test_split", 0, "split.test_split"),
        ("split.test_split", "soon", "split.test_split: 'soon' is neither a share"),
        ("split.test_split", "", "split.test_split: '' is neither a share"),
        ("split.test_split", "now", "split.test_split: 'now' is neither a share"),
        ("split.test_split", "5", "split.test_split: '5' is neither a share"),
        ("split.test_split", "2025-13-01", "split.test_split: '2025-13-01' is neither a share"),
        ("split.test_split", 1.5, 'share between 0 and 1, or a date such as "2025-01-20" (given: 1.5)'),
        ("runtime.num_workers", -1, "runtime.num_workers: must be auto or a whole number from 0 (given: -1)"),
        ("prepare.path", None, "prepare.path: must not be empty"),
        ("base.target_metrics", [], "base.target_metrics: needs at least one entry"),
        ("train", 3, "train: must be a mapping of keys (given: 3)"),
        ("prepare.covariates", ["cpu_percent"], "  - base.target_metrics and prepare.covariates/static"),
        ("prepare.ranges", {"gpu": [0, 1]}, "prepare.ranges names ['gpu'], which is neither a target nor"),
        ("prepare.simulate.start", "1969-01-01", "prepare.simulate.start: must be a date of the years 1971"),
        ("prepare.simulate.start", "today", "'today' is not a date"),
        ("split.embargo", -1, "split.embargo: "),
        ("split.folds.count", -1, "split.folds.count: "),
        ("split.folds.training", 50, "training 50 is how much sliding folds train on; with window expanding"),
        (
            "split.holdout_servers",
            1.5,
            "must be a whole number from 0, a share between 0 and 1, or a list of",
        ),
        ("split.holdout_servers", "web-1", "or a list of names (given: 'web-1')"),
        ("split.boundary", "local", "split.boundary: "),
        ("base.freq", "1M", "base.freq: '1M' is no fixed length of time"),
        ("base.freq", "fast", "base.freq: "),
        ("base.freq", "-5min", "base.freq: "),
        ("base.freq", "0min", "base.freq: "),
        ("base.target_metrics", [], "base.target_metrics: "),
        ("base.target_metrics", ["a", "a"], "names a column twice"),
        ("base.target_metrics", ["server"], "is the key of every row"),
        ("base.random_seed", -1, "base.random_seed: "),
        ("prepare.covariates", ["cpu_percent"], "both name ['cpu_percent']"),
        ("prepare.timezone", "Mars/Base", "'Mars/Base' is not a time zone"),
        ("prepare.ranges", {"cpu_percent": [5, 1]}, "the low end 5.0 is not below"),
        ("prepare.simulate.start", "some day", "prepare.simulate.start: 'some day' is not a date"),
        ("prepare.simulate.days", 1, "prepare.simulate.days: "),
        ("featurize.interactions", [["cpu_percent", "x"]], "featurize.interactions names ['x']"),
        ("featurize.lags", [3, 3], "names a number twice"),
        ("evaluate.quantiles", [0.5, 0.1, 0.9], "must rise"),
        ("evaluate.quantiles", [0.1, 0.9], "lacks [0.5]"),
        ("runtime.num_workers", "many", "runtime.num_workers: "),
        ("runtime.num_workers", -1, "runtime.num_workers: "),
    ],
)
def test_a_mistake_is_named_by_its_dotted_path(path: str, value: Any, words: str) -> None:
    assert words in broken({path: value})


def test_all_mistakes_are_told_at_once() -> None:
    text = broken({"train.epochs": "ten", "split.horizon": -1, "model.width": 3})
    assert all(path in text for path in ("3 problem(s)", "train.epochs", "split.horizon", "model.width"))


def test_a_key_that_takes_two_kinds_of_value_has_one_line() -> None:
    text = broken({"split.test_split": 1.5, "runtime.num_workers": -1})
    assert "2 problem(s)" in text and "constrained" not in text


def test_rolling_windows_need_a_statistic() -> None:
    changes = {"featurize.rolling_windows": [12], "featurize.rolling_statistics": []}
    assert "needs at least one entry in rolling_statistics" in broken(changes)


def test_two_names_for_one_source_column_are_refused() -> None:
    changes = {
        "prepare.source": "files",
        "prepare.columns": {"cpu_percent": "load", "load_average": "load"},
    }
    assert "both 'cpu_percent' and 'load_average' from the source's column 'load'" in broken(changes)


def test_the_usual_ranges_may_stay_where_other_columns_are_forecast() -> None:
    content = shipped()
    content["base"]["target_metrics"] = ["gpu"]
    assert parse_params(content).base.target_metrics == ["gpu"]


def test_a_missing_key_is_named() -> None:
    content = shipped()
    del content["train"]["epochs"], content["runtime"]
    with pytest.raises(HostcastError) as caught:
        parse_params(content)
    assert "train.epochs: missing" in str(caught.value) and "runtime: missing" in str(caught.value)


def test_two_dates_must_be_in_order() -> None:
    dates = {"split.validation_split": "2025-02-01", "split.test_split": "2025-01-20"}
    assert "must be a date before" in broken(dates)


@pytest.mark.parametrize("written", ["1e-3", "1.0e-3", "0.001", "1E-3"])
def test_a_rate_in_scientific_notation_is_a_number(tmp_path: Path, written: str) -> None:
    text = SHIPPED.read_text("utf-8").replace("learning_rate: 0.01 ", f"learning_rate: {written} ")
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(tmp_path / "params.yaml").train.learning_rate == 0.001


@pytest.mark.parametrize("written", ['"2025-01-20"', "2025-01-20", "2025-01-20T00:00:00Z"])
def test_a_date_is_the_same_instant_quoted_or_not(tmp_path: Path, written: str) -> None:
    text = SHIPPED.read_text("utf-8").replace("test_split: 0.2 ", f"test_split: {written} ")
    (tmp_path / "params.yaml").write_text(text)
    assert pd.Timestamp(load_params(tmp_path / "params.yaml").split.test_split) == pd.Timestamp(
        "2025-01-20", tz="UTC"
    )


@pytest.mark.parametrize("freq", ["30s", "5min", "1h", "1D", "D", "h"])
def test_a_step_of_any_fixed_length_is_accepted(freq: str) -> None:
    content = shipped()
    content["base"]["freq"] = freq
    length = freq if freq[0].isdigit() else f"1{freq}"
    assert parse_params(content).base.step == pd.Timedelta(length)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1", "not readable as YAML"),
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"", "holds no sections"),
        (b"- 1\n- 2\n", "holds no sections"),
        (b"train: 3\n", "train: "),
        (b"a: 1\na: 2\n", "not readable as YAML"),
    ],
)
def test_a_file_that_is_no_params_file_is_an_error(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(HostcastError, match=words):
        load_params(tmp_path / "params.yaml")


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostcastError, match="can't be read"):
        load_params(tmp_path)


def test_a_syntax_error_is_told_with_its_line_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("a: 1\na: 2\n")
    with pytest.raises(HostcastError, match="duplicate key") as caught:
        load_params(tmp_path / "params.yaml")
    assert "line 2, column 1" in str(caught.value)
    assert "suppress" not in str(caught.value) and "unicode string" not in str(caught.value)


def test_a_missing_file_is_an_error_that_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(HostcastError, match="run from the project's root folder"):
        load_params(tmp_path / "params.yaml")


def test_params_cannot_be_changed_after_they_were_checked() -> None:
    params = load_params(SHIPPED)
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@monitoring.example/prometheus",
        "https://me:se/cret@monitoring.example",
        "https://secret@monitoring.example",
        "https://monitoring.example?token=secret",
        "https://monitoring.example/#secret",
    ],
)
def test_an_address_with_a_secret_is_refused_and_the_secret_not_repeated(url: str) -> None:
    said = broken({"prepare.prometheus.url": url})
    assert "prepare.prometheus.url: must be a plain address" in said
    assert "secret" not in said and "cret@" not in said
    assert "HOSTCAST_PROMETHEUS_USERNAME" in said


@pytest.mark.parametrize("url", ["monitoring.example", "ftp://x", "http://", "http://x:port", "http://a b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    assert "prepare.prometheus.url: is no address" in broken({"prepare.prometheus.url": url})

"""The same rows give the same prepared bytes, whichever format, order and number of files brings them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_data import made_fleet, made_params

from hostcast.files import write_parquet
from hostcast.telemetry import prepare


def iso(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(timestamp=[stamp.isoformat() for stamp in frame["timestamp"]])


def records(frame: pd.DataFrame) -> list[dict]:
    return [
        {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
        for row in iso(frame).to_dict("records")
    ]


def as_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def as_lines(frame: pd.DataFrame) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in records(frame))


def write(frame: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.name.split(".", 1)[1]
    match kind:
        case "parquet" | "pq":
            frame.to_parquet(path)
        case "csv":
            path.write_bytes(as_csv(frame))
        case "csv.gz":
            path.write_bytes(gzip.compress(as_csv(frame)))
        case "csv.zst":
            path.write_bytes(zstandard.compress(as_csv(frame)))
        case "json":
            path.write_text(json.dumps(records(frame)))
        case "json.zst":
            columns = {name: [row[name] for row in records(frame)] for name in frame.columns}
            path.write_bytes(zstandard.compress(json.dumps(columns).encode()))
        case "jsonl" | "ndjson":
            path.write_bytes(as_lines(frame))
        case "jsonl.gz":
            path.write_bytes(gzip.compress(as_lines(frame)))
    return path


FORMATS = [
    "parquet", "pq", "csv", "csv.gz", "csv.zst", "json", "json.zst", "jsonl", "ndjson", "jsonl.gz",
]  # fmt: skip


def prepared_bytes(params, tmp_path: Path) -> bytes:
    write_parquet(tmp_path / "out" / "prepared.bin", prepare(params).telemetry)
    return (tmp_path / "out" / "prepared.bin").read_bytes()


@pytest.fixture
def uneven(fleet_of) -> pd.DataFrame:
    """Values no float32 holds, missing ones, duplicates, jitter and a numeric-looking server name."""
    frame = fleet_of(3, 40, "2min")
    frame["cpu_percent"] = np.random.default_rng(1).random(len(frame)) * 100
    frame.loc[::7, "memory_percent"] = np.nan
    frame["timestamp"] += pd.to_timedelta(np.arange(len(frame)) % 50, unit="s")
    frame.loc[frame["server"] == "web-1", "server"] = "007"
    twice = frame.iloc[:20].assign(load_average=lambda part: part["load_average"] + 0.1)
    return pd.concat([frame, frame.iloc[5:15], twice], ignore_index=True)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_bytes(kind, uneven, params_for, tmp_path):
    expected = prepared_bytes(params_for(write(uneven, tmp_path / "reference.parquet")), tmp_path)
    assert prepared_bytes(params_for(write(uneven, tmp_path / "other" / f"t.{kind}")), tmp_path) == expected


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), kinds=st.lists(st.sampled_from(FORMATS), min_size=1, max_size=4))
def test_order_and_number_of_files_do_not_matter(seed, kinds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("split")
    random = np.random.default_rng(seed)
    frame = made_fleet(3, 20, "2min")
    frame["cpu_percent"] = random.random(len(frame)).astype(np.float32) * 100
    frame = pd.concat([frame, frame.sample(10, random_state=seed).assign(cpu_percent=7.3)])
    expected = prepared_bytes(made_params(write(frame, folder / "one.parquet")), folder)
    shuffled = frame.iloc[random.permutation(len(frame))]
    part = random.integers(0, len(kinds), len(frame))
    part[: len(kinds)] = np.arange(len(kinds))
    for number, kind in enumerate(kinds):
        write(shuffled[part == number], folder / "many" / f"part{number}.{kind}")
    assert prepared_bytes(made_params(folder / "many"), folder) == expected


def test_float32_and_float64_and_text_agree(fleet, params_for, tmp_path):
    fleet["cpu_percent"] = np.linspace(0.1, 99.7, len(fleet)).astype(np.float32)
    single = prepared_bytes(params_for(write(fleet, tmp_path / "single.parquet")), tmp_path)
    text = prepared_bytes(params_for(write(fleet, tmp_path / "text.csv")), tmp_path)
    wide = fleet.assign(cpu_percent=fleet["cpu_percent"].astype(float))
    assert single == text == prepared_bytes(params_for(write(wide, tmp_path / "wide.parquet")), tmp_path)


def test_pandas_default_json_with_columns_by_row_key_is_read(fleet, params_for, tmp_path):
    expected = prepared_bytes(params_for(write(fleet, tmp_path / "a.csv")), tmp_path)
    iso(fleet).to_json(tmp_path / "b.json")
    assert prepared_bytes(params_for(tmp_path / "b.json"), tmp_path) == expected


def test_prepared_telemetry_prepares_to_itself(uneven, params_for, tmp_path):
    first = prepared_bytes(params_for(write(uneven, tmp_path / "raw.csv")), tmp_path)
    (tmp_path / "again.parquet").write_bytes(first)
    assert prepared_bytes(params_for(tmp_path / "again.parquet"), tmp_path) == first


def test_a_numeric_server_is_text_and_keeps_its_zeros(fleet, params_for, tmp_path):
    fleet["server"] = ["007"] * 6 + ["8"] * 6
    got = prepare(params_for(write(fleet, tmp_path / "t.csv"))).telemetry
    assert list(got["server"].unique()) == ["007", "8"]
    fleet["server"] = [7] * 6 + [8] * 6
    for kind in ("parquet", "jsonl"):
        got = prepare(params_for(write(fleet, tmp_path / f"t.{kind}"))).telemetry
        assert list(got["server"].unique()) == ["7", "8"]


@pytest.mark.parametrize(
    "name", ['a"b', "a\nb", "../../etc/passwd", "a,b", "<b>&", "naïve 🖥", "nan", " x", "\t;|"]
)
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "json"])
def test_hostile_server_names_survive(name, kind, fleet, params_for, tmp_path):
    fleet.loc[:5, "server"] = name
    got = prepare(params_for(write(fleet, tmp_path / f"t.{kind}")))
    assert set(got.telemetry["server"]) == {name, "web-1"}
    json.dumps(got.quality, allow_nan=False)


def test_a_byte_order_mark_and_windows_line_ends_are_read(fleet, params_for, tmp_path):
    expected = prepare(params_for(write(fleet, tmp_path / "a.csv"))).telemetry
    marked = b"\xef\xbb\xbf" + as_csv(fleet).replace(b"\n", b"\r\n") + b"\r\n\r\n"
    (tmp_path / "b.csv").write_bytes(marked)
    pd.testing.assert_frame_equal(prepare(params_for(tmp_path / "b.csv")).telemetry, expected)
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(records(fleet)).encode())
    pd.testing.assert_frame_equal(prepare(params_for(tmp_path / "c.json")).telemetry, expected)


def test_several_compressed_members_are_one_text(fleet, params_for, tmp_path):
    expected = prepare(params_for(write(fleet, tmp_path / "a.csv"))).telemetry
    halves = as_csv(fleet)[:100], as_csv(fleet)[100:]
    (tmp_path / "b.csv.gz").write_bytes(b"".join(map(gzip.compress, halves)))
    (tmp_path / "b.csv.zst").write_bytes(b"".join(map(zstandard.compress, halves)))
    for name in ("b.csv.gz", "b.csv.zst"):
        pd.testing.assert_frame_equal(prepare(params_for(tmp_path / name)).telemetry, expected)


def test_columns_are_mapped_and_other_columns_ignored(fleet, params_for, tmp_path):
    theirs = fleet.rename(columns={"server": "host", "cpu_percent": "cpu"}).assign(
        note="x", role="db", inlet=20.5
    )
    params = params_for(
        write(theirs, tmp_path / "t.csv"),
        columns={"server": "host", "cpu_percent": "cpu", "temperature": "inlet"},
        covariates=["temperature"],
        static=["role"],
    )
    got = prepare(params).telemetry
    assert list(got.columns) == ["server", "timestamp", *fleet.columns[2:], "temperature", "role"]
    assert got.dtypes.map(str).to_dict() == {
        "server": "str",
        "timestamp": "datetime64[us, UTC]",
        **dict.fromkeys([*fleet.columns[2:], "temperature"], "float32"),
        "role": "str",
    }
    assert (got["role"] == "db").all() and (got["temperature"] == 20.5).all()
    np.testing.assert_array_equal(got["cpu_percent"], fleet["cpu_percent"])


def test_a_folder_is_searched_deep_and_what_is_no_telemetry_is_listed(
    fleet, params_for, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write(fleet.iloc[:6], tmp_path / "raw" / "a" / "x.csv")
    write(fleet.iloc[6:], tmp_path / "raw" / "b.PARQUET".lower())
    for name in ("README.md", "b.parquet.dvc", ".gitignore", ".hidden.csv", ".cache/old.csv"):
        (tmp_path / "raw" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "raw" / name).write_text("not telemetry")
    quality = prepare(params_for("raw")).quality
    assert [file["name"] for file in quality["files"]] == ["raw/a/x.csv", "raw/b.parquet"]
    assert [file["rows"] for file in quality["files"]] == [6, 6]
    assert quality["ignored_files"] == [
        "raw/.cache/old.csv", "raw/.gitignore", "raw/.hidden.csv", "raw/README.md", "raw/b.parquet.dvc",
    ]  # fmt: skip


def test_a_glob_reads_what_it_matches(fleet, params_for, tmp_path):
    write(fleet.iloc[:6], tmp_path / "2024" / "x.csv")
    write(fleet.iloc[6:], tmp_path / "2025" / "x.csv")
    assert len(prepare(params_for(tmp_path / "20*" / "*.csv")).telemetry) == 12
    assert len(prepare(params_for(tmp_path / "**" / "x.csv")).telemetry) == 12
    assert len(prepare(params_for(tmp_path / "2025*")).telemetry) == 6

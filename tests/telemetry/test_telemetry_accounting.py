"""Whatever is wrong with the rows, each is kept, merged or dropped with a reason, and the sum closes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_data import TARGETS, made_fleet, made_params

from hostcast.telemetry import prepare
from hostcast.telemetry.faults import FAULTS

Fault = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]
PREPARE = {
    "on_empty_server": "drop",
    "on_bad_file": "skip",
    "covariates": ["net"],
    "counters": ["net"],
    "static": ["role"],
    "units": {"memory_percent": {"bytes_of": "ram"}},
    "columns": {"disk_percent": ["disk_percent", "disk"]},
    "rename_servers": {"web-0": "web-1"},
    "not_after": "2025-01-06T04:00:00Z",
    "timezone": "Europe/Berlin",
    "encoding": "latin-1",
}


def some(frame: pd.DataFrame, random: np.random.Generator, share: float = 0.2) -> np.ndarray:
    return random.random(len(frame)) < share


def repeated(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return pd.concat([frame, frame[some(frame, random)]])


def conflicting(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return pd.concat([frame, frame[some(frame, random)].assign(cpu_percent=random.random() * 100)])


def shuffled(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame.iloc[random.permutation(len(frame))]


def jittered(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    shift = pd.to_timedelta(random.integers(-200, 200, len(frame)), unit="s")
    return frame.assign(timestamp=frame["timestamp"] + shift)


def with_gaps(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame[~some(frame, random)]


def from_the_future(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    shift = np.where(some(frame, random, 0.1), 40, 0)
    return frame.assign(timestamp=frame["timestamp"] + pd.to_timedelta(shift, unit="D"))


def implausible(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    odd = np.array([np.nan, np.inf, -np.inf, -1, 9999, -40, 101, 1e30, 0])
    values = {
        name: np.where(some(frame, random), random.choice(odd, len(frame)), frame[name]) for name in TARGETS
    }
    return frame.assign(**values)


def without_values(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    empty = some(frame, random)
    return frame.assign(**{name: frame[name].where(~empty) for name in [*TARGETS, "net"]})


def broken_counters(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    odd = random.choice(np.array([0.0, -3, np.inf, np.nan, 5]), len(frame))
    return frame.assign(net=np.where(some(frame, random), odd, frame["net"]))


def without_totals(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame.assign(
        ram=np.where(some(frame, random), random.choice([0.0, np.nan], len(frame)), frame["ram"])
    )


def short(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame[(frame["server"] != "web-3") | some(frame, random, 0.05)]


def renamed(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame.replace({"server": {"web-4": "web-0"}})


def without_role(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame.assign(role=frame["role"].where(~some(frame, random, 0.1), ""))


EVERY_FAULT: list[Fault] = [
    repeated, conflicting, shuffled, jittered, with_gaps, from_the_future, implausible, without_values,
    broken_counters, without_totals, short, renamed, without_role,
]  # fmt: skip


def stamps_as(frame: pd.DataFrame, notation: str) -> pd.Series:
    stamps = frame["timestamp"]
    if notation == "local":
        return stamps.dt.tz_convert("Europe/Berlin").dt.strftime("%Y-%m-%dT%H:%M:%S")
    if notation in ("s", "ms", "us", "ns"):
        return stamps.dt.as_unit(notation).astype("int64")
    return stamps.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def written(frame: pd.DataFrame, folder: Path, kind: str, notation: str) -> None:
    frame = frame.assign(timestamp=stamps_as(frame, notation))
    path = folder / f"{len(list(folder.iterdir()))}.{kind.split('-')[0]}"
    match kind:
        case "parquet":
            frame.to_parquet(path)
        case "csv":
            frame.to_csv(path, index=False)
        case "csv-comma":
            frame.to_csv(path, index=False, sep=";", decimal=",", na_rep="N/A")
        case "csv-utf16":
            path.write_bytes(frame.to_csv(index=False).encode("utf-16"))
        case "csv-latin":
            path.write_bytes(frame.replace({"role": {"db": "dé"}}).to_csv(index=False).encode("latin-1"))
        case "csv-lacking":
            frame.drop(columns="load_average").rename(columns={"disk_percent": "disk"}).to_csv(
                path, index=False
            )
        case "json":
            frame.replace([np.inf, -np.inf], np.nan).to_json(path, orient="records")
        case "jsonl":
            frame.replace([np.inf, -np.inf], np.nan).to_json(path, orient="records", lines=True)
        case "csv-broken":
            path.write_bytes(frame.to_csv(index=False).encode() + b"web-9,never\n")


FORMATS = ["parquet", "csv", "csv-comma", "csv-utf16", "csv-lacking", "json", "jsonl", "csv-broken"]


def fleet(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = made_fleet(5, 60)
    # around the change to summer time, so that local times are lost
    shift = (
        pd.Timestamp("2025-03-30T00:00Z") - pd.Timestamp("2025-01-06T00:00Z") if seed % 2 else pd.Timedelta(0)
    )
    return frame.assign(
        timestamp=frame["timestamp"] + shift,
        net=np.cumsum(random.integers(0, 1000, len(frame))).astype(float),
        ram=2.0**33,
        memory_percent=frame["memory_percent"] * 2.0**33 / 100,
        role="db",
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 1000),
    faults=st.lists(st.sampled_from(EVERY_FAULT), max_size=6),
    files=st.lists(
        st.tuples(st.sampled_from(FORMATS), st.sampled_from(["zone", "local", "s", "ms", "us", "ns"])),
        min_size=1,
        max_size=4,
    ),
    min_rows=st.sampled_from([1, 20]),
    skew=st.sampled_from([None, "1h", "7D"]),
)
def test_every_row_is_kept_merged_or_dropped_with_a_reason(
    seed, faults, files, min_rows, skew, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("dirty")
    random = np.random.default_rng(seed)
    frame = fleet(seed)
    for fault in faults:
        frame = fault(frame, random)
    # a complete file keeps the data as a whole usable, whatever happens to the rest
    written(fleet(seed), folder, "parquet", "zone")
    sent = len(fleet(seed))
    part = random.integers(0, len(files), len(frame))
    for number, (kind, notation) in enumerate(files):
        own = frame[part == number]
        if len(own):
            written(own, folder, kind, notation)
            sent += len(own) if kind != "csv-broken" else 0
    not_after = "2025-04-02T00:00:00Z" if seed % 2 else PREPARE["not_after"]
    got = prepare(
        made_params(
            folder,
            **{**PREPARE, "min_rows": min_rows, "max_clock_skew": skew, "not_after": not_after},
        )
    )
    quality = got.quality
    rows = quality["rows"]
    assert rows["read"] == sent == sum(file["rows"] for file in quality["files"])
    assert rows["read"] == (
        rows["observations"] + sum(rows["merged"].values()) + sum(rows["dropped"].values())
    )
    assert rows["grid_steps"] == len(got.telemetry)
    assert len(quality["skipped_files"]) == sum(
        kind == "csv-broken" and bool((part == number).any()) for number, (kind, _) in enumerate(files)
    )
    for entry in quality["treatments"]:
        assert entry["fault"] in FAULTS and entry["count"] > 0
    for name in TARGETS:
        column = quality["columns"][name]
        assert column["missing"] == int(got.telemetry[name].isna().sum())
    json.dumps(quality, allow_nan=False)


@pytest.mark.parametrize("seed", [2, 3])
def test_faults_that_change_no_value_change_no_byte(seed, tmp_path):
    random = np.random.default_rng(seed)
    frame = fleet(seed)
    for name, change in (
        (
            "a",
            [],
        ),
        ("b", [repeated, shuffled]),
    ):
        (tmp_path / name).mkdir()
        dirty = frame
        for fault in change:
            dirty = fault(dirty, random)
        for number, kind in enumerate(["parquet"] if name == "a" else FORMATS[:4]):
            written(dirty.iloc[number :: 1 if name == "a" else 4], tmp_path / name, kind, "zone")
    params = {**PREPARE, "not_after": None}
    one, other = (prepare(made_params(tmp_path / name, **params)) for name in "ab")
    pd.testing.assert_frame_equal(one.telemetry, other.telemetry)

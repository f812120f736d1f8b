"""Part by part, featurize gives what it gives in memory; what did not change is not made again."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from features_data import params_with
from hypothesis import given, settings
from hypothesis import strategies as st

from hostcast.errors import HostcastError
from hostcast.features import FeatureTable, featurize, featurize_into
from hostcast.files import sha256_of
from hostcast.parts import (
    Layout,
    group_bounds,
    part_table,
    publish,
    read_frame,
    write_index,
    write_part,
)
from small_parts import shrink_parts

STEP = 300_000_000
MEASURED = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
ALL = {
    "time_of_day": True,
    "day_of_week": True,
    "lags": [1, 3],
    "rolling_windows": [2, 5],
    "rolling_statistics": ["mean", "std", "min", "max"],
    "interactions": [["cpu_percent", "load_average"]],
    "missing_indicators": True,
    "static": ["role"],
}


def write_prepared(
    folder: Path, servers: list[tuple[int, int]], seed: int, *, changed_from: int = 10**9
) -> None:
    """Prepared telemetry: a first step and a number of rows for each server; from a step on, other values."""
    random = np.random.default_rng(seed)
    first, rows = (np.array(each, np.int64) for each in zip(*servers, strict=True))
    names = [f"web-{number:02d}" for number in range(len(servers))]
    layout = Layout(names, first + 5_790_000, rows, group_bounds(names), STEP)
    values = random.uniform(0, 100, (int(rows.sum()), 4)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    steps = np.concatenate([start + np.arange(count) for start, count in servers])
    values[steps >= changed_from] += 1
    work = folder.with_name("work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    sources = []
    for part in layout.parts:
        begin = [layout.bounds[piece.server] + piece.offset for piece in part.pieces]
        own = np.concatenate([values[b : b + p.count] for b, p in zip(begin, part.pieces, strict=True)])
        numbers = {name: np.ascontiguousarray(own[:, place]) for place, name in enumerate(MEASURED)}
        texts = {"role": [f"role {piece.server % 2}" for piece in part.pieces]}
        table = part_table(layout, part, numbers, texts, [*MEASURED, "role"])
        sources.append((work / part.name, write_part(work / part.name, table, counted=True)))
    publish(sources, folder)
    write_index(folder, layout, [file for _, file in sources])


def tree(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir())}


SERVERS = st.lists(st.tuples(st.integers(0, 40), st.integers(7, 40)), min_size=1, max_size=6)


@settings(max_examples=8, deadline=None)
@given(servers=SERVERS, seed=st.integers(0, 99), rolling=st.booleans(), lags=st.sampled_from([[], [1, 6]]))
def test_any_fleet_has_the_features_that_it_has_in_memory(
    tmp_path_factory: pytest.TempPathFactory,
    servers: list[tuple[int, int]],
    seed: int,
    rolling: bool,
    lags: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    asked: dict[str, Any] = {**ALL, "lags": lags}
    if not rolling:
        asked |= {"rolling_windows": []}
    params = params_with(**asked)
    with pytest.MonkeyPatch.context() as patch:
        shrink_parts(patch)
        write_prepared(folder / "prepared", servers, seed)
        expected = featurize(read_frame(folder / "prepared", stage="prepare"), params)
        schema = featurize_into(folder / "table", folder / "prepared", params)
        pd.testing.assert_frame_equal(read_frame(folder / "table", stage="featurize"), expected.frame)
        assert schema == expected.schema
        table, memory = FeatureTable.open(folder / "table"), FeatureTable.of(expected.frame)
        assert table.servers == memory.servers
        assert (table.bounds == memory.bounds).all()
        assert table.texts("role") == memory.texts("role")
        for name in [*schema.targets, *schema.known_reals, *schema.observed_reals]:
            assert np.array_equal(table.numbers(name), memory.numbers(name), equal_nan=True)


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        ({"time_of_day": True, "missing_indicators": True}, 1),
        ({"lags": [3]}, 1),
        ({"lags": [20]}, 1),
        ({"rolling_windows": [3]}, 1),
    ],
)
def test_only_parts_that_look_at_what_changed_are_made_again(
    asked: dict[str, Any], most: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shrink_parts(monkeypatch)
    module = importlib.import_module("hostcast.features.parts")
    written: list[str] = []
    write = module.write_part

    def noting(path: Path, table: Any, *, counted: bool) -> Any:
        written.append(path.name)
        return write(path, table, counted=counted)

    monkeypatch.setattr(module, "write_part", noting)
    params, servers = params_with(**asked), [(0, 40)] * 2
    write_prepared(tmp_path / "prepared", servers, 1)
    featurize_into(tmp_path / "table", tmp_path / "prepared", params, kept=tmp_path / "kept")
    groups = len({path.name.split("-")[1] for path in (tmp_path / "table").glob("part-*")})
    assert len(written) > 3 * groups
    written.clear()
    featurize_into(tmp_path / "table", tmp_path / "prepared", params, kept=tmp_path / "kept")
    assert written == []

    write_prepared(tmp_path / "prepared", servers, 1, changed_from=39)
    featurize_into(tmp_path / "table", tmp_path / "prepared", params, kept=tmp_path / "kept")
    assert 0 < len(written) <= most * groups
    featurize_into(tmp_path / "full", tmp_path / "prepared", params)
    assert tree(tmp_path / "table") == tree(tmp_path / "full")


def test_a_lag_that_reaches_into_the_part_before_follows_its_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shrink_parts(monkeypatch)
    params, servers = params_with(lags=[9]), [(0, 40)]
    write_prepared(tmp_path / "prepared", servers, 1)
    featurize_into(tmp_path / "table", tmp_path / "prepared", params, kept=tmp_path / "kept")
    write_prepared(tmp_path / "prepared", servers, 1, changed_from=20)
    featurize_into(tmp_path / "table", tmp_path / "prepared", params, kept=tmp_path / "kept")
    featurize_into(tmp_path / "full", tmp_path / "prepared", params)
    assert tree(tmp_path / "table") == tree(tmp_path / "full")


def test_a_product_too_large_is_named_by_its_row_in_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shrink_parts(monkeypatch)
    write_prepared(tmp_path / "prepared", [(0, 20), (3, 30)], 1)
    frame = read_frame(tmp_path / "prepared", stage="prepare")
    module = importlib.import_module("hostcast.features.parts")
    read = module.part_numbers

    def large(index: Any, part: Any, names: list[str]) -> Any:
        numbers = read(index, part, names)
        return {name: np.where(values > 99, np.float32(1e30), values) for name, values in numbers.items()}

    monkeypatch.setattr(module, "part_numbers", large)
    large_frame = frame.assign(**{name: frame[name].mask(frame[name] > 99, 1e30) for name in MEASURED})
    params = params_with(interactions=[["cpu_percent", "cpu_percent"]])
    with pytest.raises(HostcastError) as expected:
        featurize(large_frame, params)
    with pytest.raises(HostcastError) as caught:
        featurize_into(tmp_path / "table", tmp_path / "prepared", params)
    assert (caught.value.column, caught.value.row) == (expected.value.column, expected.value.row)


def test_a_reach_beyond_the_longest_server_is_refused(tmp_path: Path) -> None:
    write_prepared(tmp_path / "prepared", [(0, 20), (3, 30)], 1)
    with pytest.raises(HostcastError, match="the longest server has 30 steps"):
        featurize_into(tmp_path / "table", tmp_path / "prepared", params_with(lags=[30]))

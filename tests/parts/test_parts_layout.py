"""Which rows lie in which file, and how the table is put together again."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostcast.errors import HostcastError
from hostcast.parts import (
    INDEX,
    Layout,
    group_bounds,
    missing_counts,
    part_numbers,
    part_table,
    publish,
    read_frame,
    read_index,
    write_index,
    write_part,
)
from small_parts import CHUNK, shrink_parts

NAMES = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=200, unique=True).map(sorted)
SERVERS = st.lists(st.tuples(st.integers(-20, 40), st.integers(1, 40)), min_size=1, max_size=9)


def layout_of(servers: list[tuple[int, int]]) -> Layout:
    names = [f"web-{number}" for number in range(len(servers))]
    first, rows = (np.array(each, np.int64) for each in zip(*servers, strict=True))
    return Layout(names, first, rows, group_bounds(names), 60_000_000)


def write_table(folder: Path, layout: Layout) -> pd.DataFrame:
    """A table whose values count its rows, every fifth missing; and the same in memory."""
    values = np.arange(layout.bounds[-1], dtype=np.float32)
    values[::5] = np.nan
    work = folder.with_name("work")
    work.mkdir()
    sources = []
    for part in layout.parts:
        begin = [layout.bounds[piece.server] + piece.offset for piece in part.pieces]
        own = np.concatenate([values[b : b + p.count] for b, p in zip(begin, part.pieces, strict=True)])
        role = [f"role of {layout.servers[piece.server]}" for piece in part.pieces]
        table = part_table(layout, part, {"value": own}, {"role": role}, ["role", "value"])
        sources.append((work / part.name, write_part(work / part.name, table, counted=True)))
    publish(sources, folder)
    write_index(folder, layout, [file for _, file in sources])
    owner = np.repeat(layout.servers, layout.rows)
    steps = np.concatenate([layout.micros(s, 0, int(n)) for s, n in enumerate(layout.rows)])
    return pd.DataFrame(
        {
            "server": pd.Series(owner, dtype="str"),
            "timestamp": pd.DatetimeIndex(steps.view("M8[us]"), tz="UTC"),
            "role": pd.Series([f"role of {name}" for name in owner], dtype="str"),
            "value": values,
        }
    )


@given(NAMES)
def test_every_server_is_in_one_group_and_no_group_is_large(names: list[str]) -> None:
    bounds = group_bounds(names)
    assert bounds[0] == 0 and bounds[-1] == len(names)
    assert ((np.diff(bounds) >= 1) & (np.diff(bounds) <= 64)).all()


def test_a_server_that_joins_leaves_most_groups_as_they_were() -> None:
    names = [f"server-{number:04d}" for number in range(2000)]
    joined = sorted([*names, "server-0777a"])

    def groups(of: list[str]) -> set[tuple[str, ...]]:
        bounds = group_bounds(of)
        return {tuple(of[low:high]) for low, high in itertools.pairwise(bounds)}

    assert len(groups(names)) > 40
    assert len(groups(names) - groups(joined)) <= 3


@settings(max_examples=40, deadline=None)
@given(SERVERS)
def test_each_row_lies_in_one_file_and_the_table_comes_back(servers: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        shrink_parts(patch)
        layout = layout_of(servers)
        seen = np.zeros(int(layout.bounds[-1]), np.int64)
        for part in layout.parts:
            for piece in part.pieces:
                begin = int(layout.bounds[piece.server]) + piece.offset
                seen[begin : begin + piece.count] += 1
                steps = layout.first[piece.server] + piece.offset + np.arange(piece.count)
                assert (steps // CHUNK == part.chunk).all()
        assert (seen == 1).all()
        assert len({part.name for part in layout.parts}) == len(layout.parts)


@settings(max_examples=15, deadline=None)
@given(servers=SERVERS)
def test_a_written_table_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, servers: list[tuple[int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        shrink_parts(patch)
        folder = tmp_path_factory.mktemp("table") / "table"
        expected = write_table(folder, layout_of(servers))
        pd.testing.assert_frame_equal(read_frame(folder, stage="prepare"), expected)
        index = read_index(folder, stage="prepare")
        assert index.layout.servers == layout_of(servers).servers
        for part in index.layout.parts:
            holes = np.isnan(part_numbers(index, part, ["value"])["value"])
            assert (missing_counts(index, part, ["value"]) == holes).all()


def test_what_was_in_the_folder_goes(tmp_path: Path) -> None:
    write_table(tmp_path / "table", layout_of([(0, 5)]))
    (tmp_path / "table" / "part-00009-00000.parquet").write_bytes(b"left")
    (tmp_path / "work" / "part-00000-00000.parquet").rename(tmp_path / "again.parquet")
    index = read_index(tmp_path / "table", stage="prepare")
    publish([(tmp_path / "again.parquet", index.files[0])], tmp_path / "table")
    assert [path.name for path in (tmp_path / "table").iterdir()] == [index.files[0].name]


def test_a_folder_without_an_index_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HostcastError, match=r"(?s)no such table.*dvc repro prepare"):
        read_index(tmp_path, stage="prepare")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1, "chunk_steps": 16384, "servers": 3}'])
def test_a_damaged_index_is_an_error(content: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(content, "utf-8")
    with pytest.raises(HostcastError, match="not readable as an index"):
        read_index(tmp_path, stage="prepare")


def test_an_index_of_another_version_is_an_error(tmp_path: Path) -> None:
    write_table(tmp_path / "table", layout_of([(0, 5)]))
    path = tmp_path / "table" / INDEX
    path.write_text(path.read_text("utf-8").replace('"format": 1', '"format": 0'), "utf-8")
    with pytest.raises(HostcastError, match="another version"):
        read_index(tmp_path / "table", stage="prepare")


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_part_that_is_gone_or_cut_short_is_named(damage: str, tmp_path: Path) -> None:
    write_table(tmp_path / "table", layout_of([(0, 5)]))
    part = tmp_path / "table" / "part-00000-00000.parquet"
    content = part.read_bytes()
    part.unlink()
    if damage == "cut":
        part.write_bytes(content[:-1])
    with pytest.raises(HostcastError, match=r"part-00000-00000.parquet: is missing, or not as it was"):
        read_index(tmp_path / "table", stage="prepare")


def test_a_part_whose_bytes_were_changed_is_a_clean_error(tmp_path: Path) -> None:
    write_table(tmp_path / "table", layout_of([(0, 5)]))
    index = read_index(tmp_path / "table", stage="prepare")
    part = tmp_path / "table" / index.files[0].name
    size = part.stat().st_size
    part.unlink()
    part.write_bytes(b"x" * size)
    with pytest.raises(HostcastError, match="damaged Parquet"):
        part_numbers(index, index.layout.parts[0], ["value"])
    with pytest.raises(HostcastError, match="damaged Parquet"):
        missing_counts(index, index.layout.parts[0], ["value"])
    with pytest.raises(HostcastError, match="damaged Parquet"):
        read_frame(tmp_path / "table", stage="prepare")


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_table(tmp_path / "table", layout_of([(0, 5)]))
    index = read_index(tmp_path / "table", stage="prepare")
    with pytest.raises(HostcastError, match="column other"):
        part_numbers(index, index.layout.parts[0], ["other"])
    with pytest.raises(HostcastError, match="column other"):
        missing_counts(index, index.layout.parts[0], ["other"])

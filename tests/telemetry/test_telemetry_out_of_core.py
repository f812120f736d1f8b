"""Block by block and group by group, prepare gives what it gives in one go."""

from __future__ import annotations

import hashlib
import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_data import TARGETS, made_fleet, made_params

from hostcast.errors import HostcastError
from hostcast.files import sha256_of
from hostcast.telemetry import prepare, prepare_into
from small_parts import shrink_parts


@pytest.fixture
def small() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        shrink_parts(patch)
        yield patch


def tree(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir())}


def messy_fleet(seed: int, servers: int = 6, steps: int = 30) -> pd.DataFrame:
    """Rows of some servers: missing, repeated, jittered, out of range, out of order."""
    random = np.random.default_rng(seed)
    frame = made_fleet(servers, steps)
    frame["role"] = [f"role of {name}" for name in frame["server"]]
    frame = frame.drop(index=frame.index[random.random(len(frame)) < 0.1])
    for name in TARGETS:
        frame.loc[random.random(len(frame)) < 0.05, name] = np.nan
        frame.loc[random.random(len(frame)) < 0.02, name] = -5.0
        frame.loc[random.random(len(frame)) < 0.01, name] = np.inf
    frame = pd.concat([frame, frame.sample(frac=0.2, random_state=seed)])
    jitter = pd.to_timedelta(
        random.integers(0, 200, len(frame)) * (random.random(len(frame)) < 0.3), unit="s"
    )
    frame["timestamp"] = (frame["timestamp"] + jitter).astype("datetime64[us, UTC]")
    return frame.sample(frac=0.8 if seed % 2 else 1.0, random_state=seed).reset_index(drop=True)


def write_files(folder: Path, frame: pd.DataFrame, kinds: str, count: int) -> None:
    """The rows in so many files, of the formats in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), count)):
        part, path = frame.iloc[rows], folder / f"{number:02d}"
        if kinds[number % len(kinds)] == "p":
            part.to_parquet(path.with_suffix(".parquet"), row_group_size=11)
        else:
            part.to_csv(path.with_suffix(".csv"), index=False)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), kinds=st.sampled_from(["p", "c", "pc"]), files=st.integers(1, 6))
def test_any_rows_give_the_same_table_and_report_as_in_one_go(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kinds: str, files: int
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    write_files(folder / "raw", messy_fleet(seed), kinds, files)
    params = made_params(folder / "raw", static=["role"])
    whole = prepare(params)
    with pytest.MonkeyPatch.context() as patch:
        shrink_parts(patch)
        parts = prepare(params)
    pd.testing.assert_frame_equal(parts.telemetry, whole.telemetry)
    assert parts.quality == whole.quality


def test_the_parts_do_not_depend_on_the_number_of_cores(small: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_files(tmp_path / "raw", messy_fleet(4), "pc", 5)
    params = made_params(tmp_path / "raw", static=["role"])
    pool = importlib.import_module("hostcast.parts.pool")
    trees = []
    for cores in (1, 2, 5):
        small.setattr(pool, "workers", lambda cores=cores: cores)
        prepare_into(tmp_path / "out", params)
        trees.append(tree(tmp_path / "out"))
    assert len(trees[0]) > 10
    assert trees[0] == trees[1] == trees[2]


def test_a_row_of_a_later_block_is_named_by_its_place_in_the_file(
    small: pytest.MonkeyPatch, fleet_of: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    frame = fleet_of(3, 20).astype({"cpu_percent": object})
    frame.loc[41, "cpu_percent"] = "lots"
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(HostcastError, match="'lots' is not a number") as caught:
        prepare(made_params(tmp_path / "t.csv"))
    assert (caught.value.row, caught.value.column) == (42, "cpu_percent")

    frame = fleet_of(3, 20).astype({"server": object})
    frame.loc[33, "server"] = None
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=11)
    with pytest.raises(HostcastError, match="missing or blank") as caught:
        prepare(made_params(tmp_path / "t.parquet"))
    assert (caught.value.row, caught.value.column) == (34, "server")


def test_a_csv_whose_last_line_is_not_ended_is_read_to_its_end(
    small: pytest.MonkeyPatch, fleet_of: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    text = fleet_of(2, 30).to_csv(index=False)
    (tmp_path / "t.csv").write_text(text.rstrip("\n") + "\n\n", "utf-8")
    (tmp_path / "u.csv").write_text(text.rstrip("\n"), "utf-8")
    for name in ("t.csv", "u.csv"):
        assert prepare(made_params(tmp_path / name)).quality["rows"]["read"] == 60


def test_a_large_csv_without_rows_is_an_error(small: pytest.MonkeyPatch, tmp_path: Path) -> None:
    header = ",".join(["server", "timestamp", *TARGETS])
    (tmp_path / "t.csv").write_text(header + "\n" * 100, "utf-8")
    with pytest.raises(HostcastError, match="has no rows"):
        prepare(made_params(tmp_path / "t.csv"))


def test_a_large_csv_with_quotes_is_read_whole(
    small: pytest.MonkeyPatch, fleet_of: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    frame = fleet_of(2, 30)
    frame["server"] = "line\nbreak," + frame["server"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert set(prepare(made_params(tmp_path / "t.csv")).telemetry["server"]) == {
        "line\nbreak,web-0",
        "line\nbreak,web-1",
    }


def test_a_failed_run_leaves_the_table_as_it_was_and_nothing_beside_it(
    fleet_of: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    fleet_of().to_parquet(tmp_path / "t.parquet")
    out = tmp_path / "out" / "telemetry"
    prepare_into(out, made_params(tmp_path / "t.parquet"))
    before = tree(out)
    with pytest.raises(HostcastError):
        prepare_into(out, made_params(tmp_path / "t.parquet", min_rows=100))
    assert tree(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["telemetry"]


def test_what_a_killed_run_left_is_cleared_away(
    fleet_of: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    fleet_of().to_parquet(tmp_path / "t.parquet")
    left = tmp_path / "out" / ".telemetry-abc.work"
    left.mkdir(parents=True)
    (left / "run").write_bytes(b"rows")
    prepare_into(tmp_path / "out" / "telemetry", made_params(tmp_path / "t.parquet"))
    assert not left.exists()


class Counted:
    """How many bytes of input were read, and how many parts were written."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.files: list[str] = []
        self.parts = 0
        blocks = importlib.import_module("hostcast.telemetry.intake")
        groups = importlib.import_module("hostcast.telemetry.groups")
        read, write = blocks.read_stretch, groups.write_part

        def reading(stretch: Any, wanted: Any) -> Any:
            self.files.append(stretch.path.name)
            return read(stretch, wanted)

        def writing(*given: Any, counted: bool) -> Any:
            self.parts += 1
            return write(*given, counted=counted)

        patch.setattr(blocks, "read_stretch", reading)
        patch.setattr(groups, "write_part", writing)

    def take(self) -> tuple[set[str], int]:
        taken = set(self.files), self.parts
        self.files, self.parts = [], 0
        return taken


def write_days(folder: Path, frame: pd.DataFrame, steps: int = 8) -> None:
    """A file for each `steps` steps of the grid."""
    folder.mkdir(exist_ok=True)
    length = 300 * steps
    for number, part in frame.groupby(frame["timestamp"].dt.as_unit("s").astype("int64") // length):
        part.to_parquet(folder / f"{number}.parquet")


def test_new_rows_touch_the_last_parts_alone(small: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frame = made_fleet(9, 64).sort_values(["timestamp", "server"])
    write_days(tmp_path / "raw", frame)
    params = made_params(tmp_path / "raw")
    files = sorted((tmp_path / "raw").iterdir())
    last = files[-1].rename(tmp_path / "later.parquet")
    counted = Counted(small)

    prepare_into(tmp_path / "out", params, kept=tmp_path / "kept")
    assert counted.take()[0] == {path.name for path in files[:-1]}
    prepare_into(tmp_path / "out", params, kept=tmp_path / "kept")
    assert counted.take() == (set(), 0)

    shutil.move(last, files[-1])
    prepare_into(tmp_path / "out", params, kept=tmp_path / "kept")
    read, parts = counted.take()
    assert read <= {path.name for path in files[-2:]}
    groups = {path.name.split("-")[1] for path in (tmp_path / "out").glob("part-*")}
    assert parts <= 2 * len(groups)
    increment = tree(tmp_path / "out")
    prepare_into(tmp_path / "full", params)
    assert increment == tree(tmp_path / "full")


FILES = st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True)


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    steps=st.lists(st.tuples(FILES, st.sampled_from([1, 8, 20])), min_size=2, max_size=4),
)
def test_whatever_was_there_before_the_bytes_are_those_of_a_full_run(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[tuple[list[int], int]]
) -> None:
    """Files come and go, and the shortest history that is kept changes."""
    folder = tmp_path_factory.mktemp("fleet")
    write_files(folder / "all", messy_fleet(seed), "pc", 6)
    every = sorted((folder / "all").iterdir())
    with pytest.MonkeyPatch.context() as patch:
        shrink_parts(patch)
        for chosen, min_rows in steps:
            shutil.rmtree(folder / "raw", ignore_errors=True)
            (folder / "raw").mkdir()
            for number in chosen:
                shutil.copy(every[number], folder / "raw")
            params = made_params(folder / "raw", static=["role"], min_rows=min_rows)
            try:
                expected = prepare_into(folder / "full", params)
            except HostcastError as error:
                with pytest.raises(HostcastError) as caught:
                    prepare_into(folder / "out", params, kept=folder / "kept")
                assert str(caught.value) == str(error)
                continue
            report = prepare_into(folder / "out", params, kept=folder / "kept")
            assert tree(folder / "out") == tree(folder / "full")
            assert report.quality == expected.quality


@pytest.mark.parametrize("damage", ["cut", "altered", "gone"])
def test_a_cache_that_is_damaged_anywhere_changes_nothing(
    small: pytest.MonkeyPatch, damage: str, tmp_path: Path
) -> None:
    write_files(tmp_path / "raw", messy_fleet(6), "p", 3)
    params = made_params(tmp_path / "raw", static=["role"])
    report = prepare_into(tmp_path / "out", params, kept=tmp_path / "kept")
    expected = tree(tmp_path / "out")
    for number, path in enumerate(sorted((tmp_path / "kept").iterdir())):
        if number % 2 == hashlib.sha256(path.name.encode()).digest()[0] % 2:
            content = path.read_bytes()
            path.unlink()
            if damage != "gone":
                path.write_bytes(content[:-3] if damage == "cut" else content[:-3] + b"???")
    again = prepare_into(tmp_path / "out", params, kept=tmp_path / "kept")
    assert tree(tmp_path / "out") == expected
    assert again.quality == report.quality


def test_rows_far_apart_are_refused_before_a_grid_is_laid(tmp_path: Path) -> None:
    """At one second's steps a year of days would be a grid of 31 million rows per server."""
    frame = made_fleet(40, 365, "1D")
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(HostcastError, match="rows lie 1D apart"):
        prepare(made_params(tmp_path / "t.parquet", base={"freq": "1s"}))


def test_a_group_whose_rows_lie_apart_is_kept_where_most_do_not(
    small: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dense, sparse = made_fleet(6, 60), made_fleet(1, 12, "15min")
    sparse["server"] = "a-slow-one"
    pd.concat([sparse, dense]).to_parquet(tmp_path / "t.parquet")
    for kept in (None, tmp_path / "kept", tmp_path / "kept"):
        quality = prepare_into(tmp_path / "out", made_params(tmp_path / "t.parquet"), kept=kept).quality
        assert [entry["server"] for entry in quality["treatments"] if "only every" in entry["issue"]] == [
            "a-slow-one"
        ]

"""Files that leave out names of columns, the server or the time."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from telemetry_data import TARGETS, made_params

import hostcast.telemetry.formats.blocks as blocks
from hostcast.errors import HostcastError
from hostcast.telemetry import prepare, prepare_into

ROWS = 12
POSITIONS = dict(zip(TARGETS, ("c1", "c6", "c4", "c2"), strict=True))
Numbers = np.ndarray[Any, np.dtype[np.float64]]


def numbers(seed: int, rows: int = ROWS, columns: int = 6) -> Numbers:
    """Whole quarters, which survive float32 and text unchanged."""
    return np.random.default_rng(seed).integers(1, 400, (rows, columns)) / 4


def text_of(values: Numbers, *, mark: str = ",", decimal: str = ".") -> bytes:
    lines = [mark.join(f"{value:g}".replace(".", decimal) for value in row) for row in values]
    return ("\n".join(lines) + "\n").encode()


def headerless(path: Path, **files: Any) -> dict[str, Any]:
    asked = {
        "endings": {"txt": "csv"},
        "header": False,
        "server": "file_name",
        "time": "row_number",
        "start": "2019-01-01",
        "freq": "5min",
        **files,
    }
    return {"path": path, "files": asked, "columns": POSITIONS}


def test_rows_without_names_server_and_time_get_all_three(tmp_path: Path) -> None:
    for name, seed in (("machine-1-1", 1), ("machine-1-2", 2)):
        (tmp_path / f"{name}.txt").write_bytes(text_of(numbers(seed)))
    made = prepare(made_params(**headerless(tmp_path)))
    assert made.telemetry["server"].tolist() == ["machine-1-1"] * ROWS + ["machine-1-2"] * ROWS
    times = pd.date_range("2019-01-01", periods=ROWS, freq="5min", tz="UTC")
    assert made.telemetry["timestamp"].tolist() == [*times, *times]
    values = np.concatenate([numbers(1), numbers(2)])
    for name, place in zip(TARGETS, (0, 5, 3, 1), strict=True):
        expected = np.where(values[:, place] > 100, np.nan, values[:, place])
        if name == "load_average":
            expected = values[:, place]
        np.testing.assert_array_equal(made.telemetry[name], expected.astype("f4"))
    assert made.quality["timestamps"] == {"row number": 2 * ROWS}
    assert made.quality["rows"]["read"] == 2 * ROWS
    assert [file["format"] for file in made.quality["files"]] == ["csv", "csv"]


def test_files_of_a_server_follow_each_other_by_path(tmp_path: Path) -> None:
    values = numbers(3, 30)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for number, rows in enumerate([values[:7], values[7:20], values[20:]]):
        (cut / str(number)).mkdir(parents=True)
        (cut / str(number) / "a.txt").write_bytes(text_of(rows))
    (cut / "1" / "b.txt").write_bytes(text_of(numbers(4)))
    whole.mkdir()
    (whole / "a.txt").write_bytes(text_of(values))
    (whole / "b.txt").write_bytes(text_of(numbers(4)))
    expected, made = (prepare(made_params(**headerless(path))).telemetry for path in (whole, cut))
    pd.testing.assert_frame_equal(made, expected)


@pytest.mark.parametrize(("mark", "decimal"), [(",", "."), (";", ","), ("\t", "."), ("|", ",")])
def test_what_parts_fields_is_recognised_without_a_header(tmp_path: Path, mark: str, decimal: str) -> None:
    (tmp_path / "a.txt").write_bytes(text_of(numbers(1), mark=mark, decimal=decimal))
    made = prepare(made_params(**headerless(tmp_path)))
    np.testing.assert_array_equal(made.telemetry["load_average"], numbers(1)[:, 1].astype("f4"))


@pytest.mark.parametrize(
    "change",
    [lambda text: b"\xef\xbb\xbf" + text, lambda text: b"\n\n" + text, lambda text: text.rstrip(b"\n")],
    ids=["mark", "blank", "open end"],
)
@pytest.mark.parametrize("small", [False, True])
def test_a_large_file_without_a_header_is_read_like_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes], small: bool
) -> None:
    values = numbers(5, 400)
    (tmp_path / "a.txt").write_bytes(change(text_of(values)))
    if small:
        monkeypatch.setattr(blocks, "WHOLE_BYTES", 100)
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 300)
    made = prepare(made_params(**headerless(tmp_path)))
    np.testing.assert_array_equal(made.telemetry["load_average"], values[:, 1].astype("f4"))


def test_a_name_loses_its_ending_and_its_compression_and_no_other_dot(tmp_path: Path) -> None:
    (tmp_path / "web-1.example.com.txt.gz").write_bytes(gzip.compress(text_of(numbers(1))))
    (tmp_path / "Größe 'x'.csv").write_bytes(text_of(numbers(2)))
    made = prepare(made_params(**headerless(tmp_path)))
    assert set(made.telemetry["server"]) == {"web-1.example.com", "Größe 'x'"}


def test_a_name_that_is_no_text_is_spelled_out(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/a\xff.txt"
    Path(os.fsdecode(path)).write_bytes(text_of(numbers(1)))
    made = prepare(made_params(**headerless(tmp_path)))
    assert set(made.telemetry["server"]) == {"a\\xff"}


def test_seconds_count_from_the_start(tmp_path: Path) -> None:
    frame = pd.DataFrame({"timestamp": [0, 30, 60.5, 330], **{name: [1.0, 3, 5, 7] for name in TARGETS}})
    frame.to_csv(tmp_path / "system-1.csv", index=False)
    files = {
        "endings": {},
        "header": True,
        "freq": None,
        "time": "seconds",
        "start": "2023-01-01T06:00:00+02:00",
    }
    made = prepare(made_params(**{**headerless(tmp_path, **files), "columns": {}}))
    assert made.telemetry["timestamp"].tolist() == [
        pd.Timestamp("2023-01-01 04:00", tz="UTC"),
        pd.Timestamp("2023-01-01 04:05", tz="UTC"),
    ]
    assert made.telemetry["load_average"].tolist() == [3, 7]
    assert made.quality["timestamps"] == {"seconds since start": 4}


@pytest.mark.parametrize("second", ["", "soon", "1e300", "nan"])
def test_seconds_that_lead_to_no_date_are_refused_by_row(tmp_path: Path, second: str) -> None:
    text = "timestamp,load_average\n0,1\n" + f"{second},2\n"
    (tmp_path / "a.csv").write_text(text)
    params = made_params(
        tmp_path,
        base={"target_metrics": ["load_average"]},
        files={
            "endings": {},
            "header": True,
            "server": "file_name",
            "time": "seconds",
            "start": "2023-01-01",
            "freq": None,
        },
    )
    with pytest.raises(HostcastError) as caught:
        prepare(params)
    assert (caught.value.row, caught.value.column) == (2, "timestamp")


def test_ragged_rows_and_columns_beyond_the_last_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text_of(numbers(1)) + b"1,2\n")
    with pytest.raises(HostcastError, match="has 2 field") as caught:
        prepare(made_params(**headerless(tmp_path)))
    assert caught.value.row == ROWS + 1
    path.write_bytes(text_of(numbers(1)))
    with pytest.raises(HostcastError, match="there is no such column; there are: 'c1', 'c2'"):
        prepare(made_params(**{**headerless(tmp_path), "columns": {"cpu_percent": "c99"}}))


def test_other_endings_are_passed_over_until_they_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(text_of(numbers(1)))
    with pytest.raises(HostcastError, match=r"prepare\.files\.endings"):
        prepare(made_params(**headerless(tmp_path, endings={})))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": None}, "needs a start"),
        ({"freq": None}, "needs a freq"),
        ({"server": "column"}, "needs server file_name"),
        ({"freq": "soon"}, "no fixed length of time"),
        ({"start": "soon"}, "not a date"),
        ({"endings": {".txt": "csv"}}, "endings"),
    ],
)
def test_settings_that_leave_time_untold_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(HostcastError, match=said):
        made_params(**headerless(Path("data"), **changes))


def test_finished_work_is_told_apart_by_name_and_place_of_a_file(tmp_path: Path) -> None:
    raw, kept = tmp_path / "raw", tmp_path / "kept"
    raw.mkdir()
    text = text_of(numbers(1))
    (raw / "a.txt").write_bytes(text)

    def made() -> list[tuple[str, str, int]]:
        report = prepare_into(tmp_path / "prepared", made_params(**headerless(raw)), kept=kept)
        return [(own["name"], own["last"], own["observed"]) for own in report.quality["servers"]]

    assert made() == [("a", "2019-01-01T00:55:00Z", ROWS)]
    # the same bytes: as another server, and as the same one's next rows
    (raw / "b.txt").write_bytes(text)
    (raw / "later").mkdir()
    (raw / "later" / "a.txt").write_bytes(text)
    assert made() == [("a", "2019-01-01T01:55:00Z", 2 * ROWS), ("b", "2019-01-01T00:55:00Z", ROWS)]


def test_free_bytes_become_the_used_share_of_their_total(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "server": "a",
            "timestamp": pd.date_range("2025-01-06", periods=4, freq="5min", tz="UTC"),
            "load_average": [1.0, 2, 3, 4],
            "available": [2**34, 2**33, 0, 2**32],
            "total": [2**34, 2**34, 2**34, 0],
        }
    )
    frame.to_parquet(tmp_path / "a.parquet")
    made = prepare(
        made_params(
            tmp_path,
            base={"target_metrics": ["memory_percent", "load_average"]},
            columns={"memory_percent": "available"},
            units={"memory_percent": {"free_of": "total"}},
        )
    )
    np.testing.assert_array_equal(made.telemetry["memory_percent"], np.array([0, 50, 100, np.nan], "f4"))
    assert made.quality["columns"]["memory_percent"]["missing_as_read"] == {"no total": 1}


def test_a_bad_file_that_others_go_on_from_can_not_be_passed_over(tmp_path: Path) -> None:
    for half in (1, 2):
        (tmp_path / f"{half}").mkdir()
        (tmp_path / f"{half}/m-1.txt").write_bytes(text_of(numbers(half)))
    asked = headerless(tmp_path) | {"on_bad_file": "skip"}
    (tmp_path / "1/m-1.txt").write_bytes(b"1,2,3,4,5,\xff\n")
    with pytest.raises(HostcastError, match="is not UTF-8") as refused:
        prepare(made_params(**asked))
    assert "the next file of server 'm-1' goes on where this one ends" in refused.value.remedy
    # the last one can be
    (tmp_path / "1/m-1.txt").write_bytes(text_of(numbers(1)))
    (tmp_path / "2/m-1.txt").write_bytes(b"1,2,3,4,5,\xff\n")
    assert prepare(made_params(**asked)).quality["rows"]["read"] == ROWS

"""Boundaries, windows and what is left out; nothing crosses a boundary that must not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import START, tiny_params
from hostcast.errors import HostcastError
from hostcast.params import SplitParams
from hostcast.splitting import Split, make_split, read_split, spans_of, write_split

HOUR = pd.Timedelta("1h")


def split_params(**changes: Any) -> SplitParams:
    return tiny_params({f"split.{key}": value for key, value in changes.items()}).split


def grid(*rows: int, late: int = 0) -> pd.DataFrame:
    """Server number i has rows[i] rows and starts i * late hours after the first."""
    parts = [
        pd.DataFrame(
            {
                "server": f"s{number}",
                "timestamp": pd.date_range(START + number * late * HOUR, periods=count, freq=HOUR, unit="us"),
                "y": np.float32(1.0),
                "z": np.float32(2.0),
            }
        )
        for number, count in enumerate(rows)
    ]
    return pd.concat(parts, ignore_index=True)


def made(frame: pd.DataFrame, **changes: Any) -> Split:
    return make_split(frame, ["y", "z"], split_params(**changes), HOUR)


SMALL = {"encoder_length": 6, "min_encoder_length": 2, "horizon": 3, "validation_stride": 1}


@settings(deadline=None)
@given(n=st.integers(1, 2000))
def test_the_first_test_row_of_each_server_is_the_row_at_eighty_percent(n: int) -> None:
    (span,) = spans_of(grid(n), split_params(boundary="per_server"), HOUR)
    assert span.validation_end == int(0.8 * n) == n * 4 // 5
    assert span.train_end == n * 3 // 5


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.integers(1, 300), min_size=1, max_size=3),
    validation=st.integers(1, 49),
    test=st.integers(1, 49),
)
def test_shares_are_exact_decimal_fractions_of_each_servers_rows(
    rows: list[int], validation: int, test: int
) -> None:
    params = split_params(boundary="per_server", validation_split=validation / 100, test_split=test / 100)
    for span, count in zip(spans_of(grid(*rows), params, HOUR), rows, strict=True):
        assert span.rows == count
        assert span.validation_end == int((1 - Fraction(test, 100)) * count)
        assert span.train_end == int((1 - Fraction(test + validation, 100)) * count)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.integers(1, 120), min_size=2, max_size=4), late=st.integers(0, 30))
def test_a_global_boundary_is_one_instant_for_all_servers(rows: list[int], late: int) -> None:
    frame = grid(*rows, late=late)
    spans = spans_of(frame, split_params(), HOUR)
    hours = max(number * late + count for number, count in enumerate(rows))
    for span in spans:
        mine = frame.loc[frame["server"] == span.server, "timestamp"]
        assert span.validation_end == (mine < START + (hours * 4 // 5) * HOUR).sum()
        assert span.train_end == (mine < START + (hours * 3 // 5) * HOUR).sum()


@pytest.mark.parametrize("boundary", ["global", "per_server"])
@pytest.mark.parametrize("date", ["2025-01-09", "2025-01-09T00:00:00+00:00", "2025-01-09 02:00+02:00"])
def test_a_date_is_a_boundary_in_either_mode(boundary: str, date: str) -> None:
    frame = grid(100, 90, late=10)
    spans = spans_of(frame, split_params(boundary=boundary, test_split=date, validation_split=0.2), HOUR)
    assert [span.validation_end for span in spans] == [72, 62]
    # the validation share counts back from the date: of all rows, or of the server's
    expected = [52, 42] if boundary == "global" else [52, 44]
    assert [span.train_end for span in spans] == expected


@pytest.mark.parametrize(("boundary", "ends"), [("global", [80, 70]), ("per_server", [80, 72])])
def test_a_validation_date_goes_with_a_test_share(boundary: str, ends: list[int]) -> None:
    frame = grid(100, 90, late=10)
    spans = spans_of(
        frame, split_params(boundary=boundary, validation_split="2025-01-08", test_split=0.2), HOUR
    )
    assert [span.validation_end for span in spans] == ends
    assert [span.train_end for span in spans] == [48, 38]


@pytest.mark.parametrize("boundary", ["global", "per_server"])
def test_two_dates_cut_where_they_say(boundary: str) -> None:
    frame = grid(100, 90, late=10)
    params = split_params(boundary=boundary, validation_split="2025-01-07T12:00", test_split="2025-01-09")
    assert [(span.train_end, span.validation_end) for span in spans_of(frame, params, HOUR)] == [
        (36, 72),
        (26, 62),
    ]


def test_a_date_between_two_steps_begins_with_the_next_step() -> None:
    (span,) = spans_of(grid(100), split_params(test_split="2025-01-08T00:30", validation_split=0.1), HOUR)
    assert span.validation_end == 49


@pytest.mark.parametrize("key", ["validation_split", "test_split"])
@pytest.mark.parametrize("date", ["2024-12-31", "2025-01-06", "2026-01-01"])
def test_a_date_outside_the_data_is_an_error_that_tells_its_range(key: str, date: str) -> None:
    changes: dict[str, Any] = {key: date}
    with pytest.raises(HostcastError, match=rf"split\.{key} {date}.*2025-01-06.*2025-01-10"):
        spans_of(grid(100), split_params(**changes), HOUR)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.integers(30, 90), min_size=1, max_size=3),
    late=st.integers(0, 5),
    boundary=st.sampled_from(["global", "per_server"]),
    encoder=st.integers(2, 8),
    shortest=st.integers(1, 8),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 4),
    missing=st.sampled_from([0.0, 0.3, 0.7]),
    limit=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_the_window_index_lists_exactly_the_usable_cutoffs(
    rows: list[int],
    late: int,
    boundary: str,
    encoder: int,
    shortest: int,
    horizon: int,
    stride: int,
    missing: float,
    limit: float,
    seed: int,
) -> None:
    frame = grid(*rows, late=late)
    rng = np.random.default_rng(seed)
    gone = rng.random((len(frame), 2)) < missing
    frame[["y", "z"]] = frame[["y", "z"]].mask(gone)
    shortest = min(shortest, encoder)
    params: dict[str, Any] = {
        "boundary": boundary,
        "encoder_length": encoder,
        "min_encoder_length": shortest,
        "horizon": horizon,
        "validation_stride": stride,
        "max_missing": limit,
    }
    try:
        split = made(frame, **params)
    except HostcastError as error:
        assert "window" in str(error)
        return
    tables = {part: split.cutoffs(part) for part in ("train", "validation", "test")}  # type: ignore[arg-type]
    offset = 0
    for span in split.spans:
        lost = gone[offset : offset + span.rows]
        offset += span.rows
        ends = {
            "train": (0, span.train_end),
            "validation": (span.train_end, span.validation_end),
            "test": (span.validation_end, span.rows),
        }
        for part, (low, high) in ends.items():
            # every cutoff whose horizon lies within the part
            fits = [
                c
                for c in range(shortest - 1, span.rows)
                if c + 1 >= low and c + horizon < high and (part != "train" or c >= low)
            ]
            if part == "validation":
                fits = [c for c in fits if (c - (low - 1)) % stride == 0]
            share = {c: lost[c + 1 : c + 1 + horizon].mean() for c in fits}
            usable = fits if part == "test" else [c for c in fits if share[c] <= limit and share[c] < 1]
            table = tables[part]
            mine = table[table["server"] == span.server]
            assert mine["position"].tolist() == usable
            assert (mine["cutoff"] == span.first + mine["position"] * HOUR).all()
            entry = split.report["servers"][span.server]
            assert entry[f"{part}_windows"] == len(usable)
            if part != "test":
                assert entry[f"{part}_windows_dropped_missing"] == len(fits) - len(usable)


def test_windows_with_too_much_missing_are_dropped_and_counted() -> None:
    frame = grid(100)
    frame.loc[20:29, ["y", "z"]] = np.nan
    split = made(frame, **SMALL, max_missing=0.5)
    report = split.report["servers"]["s0"]
    # cutoffs 18 to 27 have two or three missing steps of three ahead
    assert report["train_windows_dropped_missing"] == 10
    positions = set(split.cutoffs("train")["position"])
    assert positions == set(range(1, 57)) - set(range(18, 28))


def test_a_window_just_at_the_limit_is_kept() -> None:
    frame = grid(100)
    frame["y"] = np.nan
    assert made(frame, **SMALL, max_missing=0.5).report["windows"]["train"] == 56


def test_a_test_window_is_kept_whatever_is_missing() -> None:
    frame = grid(100)
    frame.loc[80:, ["y", "z"]] = np.nan
    assert made(frame, **SMALL).report["windows"]["test"] == 18


def test_values_do_not_move_boundaries_and_later_ones_do_not_change_earlier_windows() -> None:
    frame = grid(100, 100)
    before = made(frame, **SMALL)
    position = frame.groupby("server").cumcount()
    frame.loc[position >= 60, "y"] = 1e9
    frame.loc[position >= 60, "z"] = np.nan
    after = made(frame, **SMALL)
    assert before.spans == after.spans
    pd.testing.assert_frame_equal(before.cutoffs("train"), after.cutoffs("train"))


@pytest.mark.parametrize(
    ("rows", "changes", "words"),
    [
        (10, {}, ["no train window", "'s0'", "10 steps", "6 of them", "at least 2 steps", "3 of horizon"]),
        (40, {"validation_split": 0.05}, ["no validation window", "2 of them in the validation span"]),
        (40, {"test_split": 0.05}, ["no test window", "2 of them in the test span"]),
    ],
)
def test_a_part_without_a_window_is_an_error_that_tells_the_numbers(
    rows: int, changes: dict[str, Any], words: list[str]
) -> None:
    changes = {**SMALL, "min_encoder_length": 2, **changes}
    if rows == 10:
        changes["min_encoder_length"] = changes["encoder_length"] = 6
        words = [word.replace("at least 2", "at least 6") for word in words]
    with pytest.raises(HostcastError) as caught:
        made(grid(rows), **changes)
    assert all(word in str(caught.value) for word in words), caught.value


def test_all_values_missing_is_an_error_and_not_an_empty_training() -> None:
    with pytest.raises(HostcastError, match="no train window"):
        made(grid(100).assign(y=np.nan, z=np.nan), **SMALL, max_missing=1.0)


def test_servers_without_windows_are_reported() -> None:
    split = made(grid(100, 3, late=1), **SMALL)
    assert split.report["servers_without_test_windows"] == ["s1"]
    assert split.report["servers_without_training_windows"] == ["s1"]


def test_a_split_comes_back_from_its_files(tmp_path: Path) -> None:
    frame = grid(100, 90, late=7)
    frame.loc[20:29, "y"] = np.nan
    split = made(frame, **SMALL, max_missing=0.2)
    write_split(split, tmp_path / "split.json", tmp_path / "windows.parquet")
    again = read_split(tmp_path / "split.json", tmp_path / "windows.parquet")
    assert again.spans == split.spans
    assert (again.horizon, again.step) == (split.horizon, split.step)
    assert again.test_start() == split.test_start()
    for part in ("train", "validation", "test"):
        pd.testing.assert_frame_equal(again.cutoffs(part), split.cutoffs(part))  # type: ignore[arg-type]
    before = (tmp_path / "split.json").read_bytes(), (tmp_path / "windows.parquet").read_bytes()
    write_split(again, tmp_path / "split.json", tmp_path / "windows.parquet")
    assert before == ((tmp_path / "split.json").read_bytes(), (tmp_path / "windows.parquet").read_bytes())


def test_a_stride_counts_from_each_servers_first_cutoff() -> None:
    split = made(grid(100, 95), **SMALL, boundary="per_server")
    every = split.cutoffs("test", stride=5)
    for span in split.spans:
        first = span.validation_end - 1
        mine = every.loc[every["server"] == span.server, "position"]
        assert mine.tolist() == list(range(first, span.rows - 3, 5))


def test_the_first_forecast_step_of_the_test_part_is_its_first_row() -> None:
    split = made(grid(100), **SMALL)
    first = split.cutoffs("test").iloc[0]
    assert first["cutoff"] + HOUR == split.test_start()["s0"] == START + 80 * HOUR


def test_the_remedy_for_a_part_without_windows_fits_how_it_was_cut() -> None:
    with pytest.raises(HostcastError, match=r"or raise split\.test_split") as caught:
        made(grid(40), **SMALL, test_split=0.05)
    assert caught.value.remedy.count("horizon") == 1
    with pytest.raises(HostcastError, match=r"or choose another date for split\.test_split"):
        made(grid(40), **SMALL, test_split="2025-01-07T14:00")


def test_dates_in_messages_have_one_format() -> None:
    with pytest.raises(
        HostcastError, match=r"2024-01-20 00:00 UTC .* 2025-01-06 00:00 UTC to 2025-01-07 16:00 UTC"
    ):
        made(grid(40), **SMALL, test_split="2024-01-20")

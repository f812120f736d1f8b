"""Walk-forward folds: before the test span, in the order of time, each span apart by the embargo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import START, folds, tiny_params
from hostcast.errors import HostcastError
from hostcast.params import SplitParams
from hostcast.splitting import Split, make_split, read_split, write_split

HOUR = pd.Timedelta("1h")
SMALL = {"encoder_length": 6, "min_encoder_length": 2, "horizon": 3, "validation_stride": 1}


def split_params(**changes: Any) -> SplitParams:
    return tiny_params({f"split.{key}": value for key, value in {**SMALL, **changes}.items()}).split


def grid(*rows: int, late: int = 0) -> pd.DataFrame:
    """Server number i has rows[i] rows and starts i * late hours after the first."""
    parts = [
        pd.DataFrame(
            {
                "server": f"s{number}",
                "timestamp": pd.date_range(START + number * late * HOUR, periods=count, freq=HOUR, unit="us"),
                "y": np.float32(1.0),
            }
        )
        for number, count in enumerate(rows)
    ]
    return pd.concat(parts, ignore_index=True)


def made(frame: pd.DataFrame, **changes: Any) -> Split:
    return make_split(frame, ["y"], split_params(**changes), HOUR)


def target_rows(split: Split, part: str) -> dict[str, tuple[int, int]]:
    """Server -> first and last row that windows of a part forecast."""
    table = split.cutoffs(part).groupby("server")["position"].agg(["min", "max"])  # type: ignore[arg-type]
    return {
        str(server): (int(low) + 1, int(high) + split.horizon)
        for server, low, high in table.itertuples(name=None)
    }


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.integers(30, 160), min_size=1, max_size=3),
    late=st.integers(0, 30),
    boundary=st.sampled_from(["global", "per_server"]),
    embargo=st.integers(0, 5),
    count=st.integers(1, 4),
    window=st.sampled_from(["expanding", "sliding"]),
    training=st.none() | st.integers(5, 60),
    period=st.none() | st.integers(3, 20),
    held_out=st.integers(0, 1),
    test_split=st.sampled_from([0.1, 0.2, 0.4]),
)
def test_no_fold_reaches_into_the_test_span_and_the_embargo_lies_before_each_of_its_spans(
    rows: list[int],
    late: int,
    boundary: str,
    embargo: int,
    count: int,
    window: str,
    training: int | None,
    period: int | None,
    held_out: int,
    test_split: float,
) -> None:
    wanted = folds(count, window, training=training if window == "sliding" else None, period=period)
    changes = {"folds": wanted, "holdout_servers": held_out if len(rows) > 1 else 0}
    try:
        split = made(
            grid(*rows, late=late), boundary=boundary, embargo=embargo, test_split=test_split, **changes
        )
    except HostcastError as error:
        assert "window" in str(error) or "no server to train on" in str(error)
        return
    assert len(split.folds) == count
    whole = {span.server: span for span in split.spans}
    for fold in split.folds:
        parts = {part: target_rows(fold, part) for part in ("train", "validation", "test")}
        for server, (first, last) in parts["test"].items():
            ended = whole[server].test_begin == whole[server].rows
            assert last < whole[server].test_begin - (0 if ended else embargo)
            assert server not in split.held_out
            assert last < fold.spans[list(whole).index(server)].test_end
            for earlier in ("train", "validation"):
                if server in parts[earlier]:
                    assert parts[earlier][server][1] + embargo < first
        for server, (first, _) in parts["validation"].items():
            assert server not in split.held_out
            if server in parts["train"]:
                assert parts["train"][server][1] + embargo < first
        assert not set(parts["train"]) & set(split.held_out)
    for one, other in zip(split.folds, split.folds[1:], strict=False):
        for early, later in zip(one.spans, other.spans, strict=True):
            assert early.test_end == later.test_begin
    for span, last in zip(split.spans, split.folds[-1].spans, strict=True):
        assert last.test_end == span.validation_end


def test_each_fold_trains_up_to_the_period_that_chooses_and_is_scored_on_the_one_after() -> None:
    split = made(grid(200), folds=folds(3, period=20), embargo=2, boundary="per_server")
    cuts = [
        (s.train_begin, s.train_end, s.validation_begin, s.validation_end, s.test_begin, s.test_end)
        for fold in split.folds
        for s in fold.spans
    ]
    # the test span begins with row 160, the embargo before it with row 158
    assert cuts == [
        (0, 74, 76, 96, 98, 118),
        (0, 94, 96, 116, 118, 138),
        (0, 114, 116, 136, 138, 158),
    ]


def test_sliding_folds_train_on_equally_much() -> None:
    for training, expected in ((None, 80), (30, 30)):
        split = made(grid(200), folds=folds(3, "sliding", period=20, training=training))
        assert [s.train_end - s.train_begin for fold in split.folds for s in fold.spans] == [expected] * 3


def test_without_a_period_the_first_fold_trains_on_half_of_what_comes_before_the_test_span() -> None:
    split = made(grid(1000), folds=folds(4))
    assert split.folds[0].spans[0].train_end == 400
    assert split.folds[-1].spans[0].test_end == 800


def test_a_global_fold_has_the_same_instants_on_all_servers() -> None:
    split = made(grid(200, 190, 150, late=10), folds=folds(2, period=15))
    for fold in split.folds:
        begins = {span.first + span.test_begin * HOUR for span in fold.spans}
        ends = {span.first + span.test_end * HOUR for span in fold.spans}
        assert len(begins) == len(ends) == 1


def test_no_fold_is_listed_unless_it_is_asked_for() -> None:
    assert made(grid(100)).folds == []


def test_an_embargo_of_the_whole_leaves_the_test_span_where_it_was() -> None:
    plain, apart = made(grid(100)), made(grid(100), embargo=4)
    assert plain.test_start() == apart.test_start()
    pd.testing.assert_frame_equal(plain.cutoffs("test"), apart.cutoffs("test"))
    (span,) = apart.spans
    assert (span.train_end, span.validation_begin, span.validation_end, span.test_begin) == (56, 60, 76, 80)
    assert target_rows(apart, "validation")["s0"][1] < 76


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": folds(3, period=26)}, r"in fold 1 there is no train.*split\.folds\.count, or lower"),
        ({"folds": folds(40)}, r"in fold 1 there is no choosing window.*raise split\.folds\.period"),
        ({"folds": folds(3, period=20), "embargo": 19}, r"split\.folds\.count or split\.embargo"),
    ],
)
def test_a_fold_without_room_is_an_error_that_says_what_to_change(changes: Any, words: str) -> None:
    with pytest.raises(HostcastError) as caught:
        made(grid(120), **changes)
    assert re.search(words, str(caught.value), re.DOTALL), str(caught.value)


def test_folds_come_back_from_their_files_and_earlier_ones_are_gone(tmp_path: Path) -> None:
    files = tmp_path / "split.json", tmp_path / "windows.parquet"
    write_split(made(grid(200, 180), folds=folds(3, period=20)), *files)
    split = made(grid(200, 180), folds=folds(2, period=20), holdout_servers=["s1"], embargo=1)
    write_split(split, *files)
    again = read_split(*files)
    assert again.held_out == ["s1"]
    assert len(again.folds) == 2
    assert sorted(path.name for path in (tmp_path / "folds").iterdir()) == ["1", "2"]
    for one, other in zip([again, *again.folds], [split, *split.folds], strict=True):
        assert (one.spans, one.report, one.held_out) == (other.spans, other.report, other.held_out)
        pd.testing.assert_frame_equal(one.runs, other.runs)

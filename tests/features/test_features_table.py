"""The features table gives the same columns from a file as from memory, and says when it is no such table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fleet import TARGETS, tiny_features
from hostcast.errors import HostcastError
from hostcast.features import FeatureTable, table
from hostcast.files import write_parquet


@pytest.fixture(params=["memory", "file"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A way to a table of a frame; blocks are so small that servers lie across them."""
    monkeypatch.setattr(table, "BLOCK_ROWS", 37)

    def open_(frame: pd.DataFrame) -> FeatureTable:
        if request.param == "memory":
            return FeatureTable.of(frame)
        write_parquet(tmp_path / "features.parquet", frame)
        return FeatureTable.open(tmp_path / "features.parquet")

    return open_


def test_every_column_is_what_the_frame_holds(opened):
    frame = tiny_features(missing=0.2)
    made = opened(frame)

    for name in (*TARGETS, "queue", "hour_sin"):
        values = made.numbers(name)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, frame[name].to_numpy())
    pd.testing.assert_frame_equal(made.frame(), frame)


def test_servers_own_the_rows_between_their_bounds(opened):
    frame = tiny_features((40, 1, 110))
    made = opened(frame)

    assert made.servers == ["web-0", "web-1", "web-2"]
    assert made.bounds.tolist() == [0, 40, 41, 151]
    assert made.bounds.dtype == np.int64
    assert made.rows == 151


def test_texts_are_one_for_each_server(opened):
    made = opened(tiny_features((40, 1, 110)))

    assert made.texts("role") == ["front", "back", "front"]
    assert made.texts("server") == made.servers


def test_a_missing_text_is_none(opened):
    frame = tiny_features((40, 40))
    frame.loc[frame["server"] == "web-0", "role"] = None

    assert opened(frame).texts("role") == [None, "back"]


def test_blocks_lie_one_behind_the_other(opened):
    frame = tiny_features()
    blocks = list(opened(frame).blocks(["queue", TARGETS[0]]))

    assert [first for first, _ in blocks] == list(range(0, len(frame), 37))
    for name in ("queue", TARGETS[0]):
        joined = np.concatenate([block[name] for _, block in blocks])
        np.testing.assert_array_equal(joined, frame[name].to_numpy())


def test_a_static_column_that_changes_on_a_server_is_an_error(opened):
    frame = tiny_features()
    frame.loc[150, "role"] = "moved"

    with pytest.raises(HostcastError, match="changes on server 'web-1'") as caught:
        opened(frame).texts("role")
    assert caught.value.column == "role"


def test_rows_of_a_server_that_do_not_stand_together_are_an_error(opened):
    frame = tiny_features()

    with pytest.raises(HostcastError, match="do not stand together"):
        opened(pd.concat([frame, frame.head(3)], ignore_index=True))

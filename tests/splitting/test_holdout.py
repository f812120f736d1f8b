"""Servers that are held out: which, and that nothing is trained or validated on them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import START, tiny_params
from hostcast.errors import HostcastError
from hostcast.splitting import Split, make_split

HOUR = pd.Timedelta("1h")


def split_of_fleet(names: list[str], wanted: Any, *, seed: int = 0) -> Split:
    times = pd.date_range(START, periods=60, freq=HOUR, unit="us")
    frame = pd.concat(
        [pd.DataFrame({"server": name, "timestamp": times, "y": 1.0}) for name in sorted(names)],
        ignore_index=True,
    )
    return make_split(frame, ["y"], tiny_params({"split.holdout_servers": wanted}).split, HOUR, seed=seed)


NAMES = [f"web-{number}" for number in range(10)]


@pytest.mark.parametrize(("wanted", "count"), [(0, 0), (3, 3), (0.25, 2), (0.01, 1), (["web-3"], 1)])
def test_a_number_a_share_or_names_are_held_out_and_have_test_windows_alone(wanted: Any, count: int) -> None:
    split = split_of_fleet(NAMES, wanted)
    assert len(split.held_out) == count
    assert split.report["holdout_servers"] == split.held_out == sorted(split.held_out)
    for part in ("train", "validation"):
        assert set(split.cutoffs(part)["server"]) == set(NAMES) - set(split.held_out)  # type: ignore[arg-type]
    assert set(split.cutoffs("test")["server"]) == set(NAMES)
    assert split.test_start() == split_of_fleet(NAMES, 0).test_start()
    # they lack training on purpose, which is no finding
    assert split.report["servers_without_training_windows"] == []


def test_another_seed_holds_out_others() -> None:
    chosen = {tuple(split_of_fleet(NAMES, 3, seed=seed).held_out) for seed in range(5)}
    assert len(chosen) > 1
    assert split_of_fleet(NAMES, 3, seed=4).held_out == split_of_fleet(NAMES, 3, seed=4).held_out


@given(seed=st.integers(0, 99), count=st.integers(1, 5))
def test_a_server_that_joins_the_fleet_takes_the_place_of_at_most_one(seed: int, count: int) -> None:
    before = set(split_of_fleet(NAMES, count, seed=seed).held_out)
    after = set(split_of_fleet([*NAMES, "db-1"], count, seed=seed).held_out)
    assert before == after or (len(before - after) == 1 and after - before == {"db-1"})


def test_a_server_that_ended_before_the_test_span_is_not_drawn() -> None:
    times = pd.date_range(START, periods=100, freq=HOUR, unit="us")
    short = pd.DataFrame({"server": "a", "timestamp": times[:50], "y": 1.0})
    rest = [pd.DataFrame({"server": name, "timestamp": times, "y": 1.0}) for name in ("b", "c")]
    frame = pd.concat([short, *rest], ignore_index=True)
    params = tiny_params({"split.holdout_servers": 1}).split
    assert {tuple(make_split(frame, ["y"], params, HOUR, seed=seed).held_out) for seed in range(9)} == {
        ("b",),
        ("c",),
    }


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["web-77"], r"names 'web-77', which is no server.*\n.*web-0, web-1"),
        (10, "leaves no server to train on: 10 of 10 are held out"),
        (0.99, "leaves no server to train on"),
    ],
)
def test_what_can_not_be_held_out_is_an_error(wanted: Any, words: str) -> None:
    with pytest.raises(HostcastError, match=words):
        split_of_fleet(NAMES, wanted)

"""A user's error says where, what and what to do about it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostcast.errors import HostcastError


def test_the_place_comes_first_and_the_remedy_on_a_line_of_its_own() -> None:
    error = HostcastError("is odd", remedy="make it even", file="a.csv", column="cpu", row=3)
    assert str(error) == "file a.csv, column cpu, row 3: is odd\n  What to do: make it even"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({}, "is odd\n"),
        ({"file": "a.csv"}, "file a.csv: is odd\n"),
        ({"column": "cpu"}, "column cpu: is odd\n"),
        ({"file": "a.csv", "row": 1}, "file a.csv, row 1: is odd\n"),
    ],
)
def test_only_what_is_known_of_the_place_is_named(place: dict[str, object], said: str) -> None:
    assert str(HostcastError("is odd", remedy="make it even", **place)).startswith(said)  # type: ignore[arg-type]


def test_row_zero_is_a_place_too() -> None:
    assert "row 0" in str(HostcastError("is odd", remedy="make it even", row=0))


@given(st.text())
def test_a_name_from_the_data_stays_on_one_line_of_bounded_length(name: str) -> None:
    error = HostcastError("is odd", remedy="make it even", column=name)
    first, second = str(error).split("\n")
    assert first.isprintable()
    assert len(first) < 260
    assert second == "  What to do: make it even"


def test_a_long_name_says_how_long_it_is() -> None:
    assert "(5000 characters)" in str(HostcastError("is odd", remedy="shorten it", column="x" * 5000))


def test_its_parts_can_be_read() -> None:
    error = HostcastError("is odd", remedy="make it even", file="a.csv", column="cpu", row=3)
    assert (error.problem, error.remedy, error.file, error.column, error.row) == (
        "is odd",
        "make it even",
        "a.csv",
        "cpu",
        3,
    )


@pytest.mark.parametrize(
    "place", [{}, {"file": "a 'b'.csv"}, {"file": "a.csv", "column": "cpu", "row": 3}], ids=str
)
def test_an_error_from_another_process_is_the_same(place: dict[str, object]) -> None:
    error = HostcastError("is odd", remedy="make it even", **place)  # type: ignore[arg-type]
    again = copy.copy(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_a_problem_that_quotes_data_shows_what_a_terminal_would_obey() -> None:
    error = HostcastError("'\t' expected after '\x1b[2J'\nand more", remedy="correct it")
    assert str(error) == "'\\t' expected after '\\x1b[2J'\nand more\n  What to do: correct it"

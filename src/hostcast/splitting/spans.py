"""Where training, validation and test begin and end on each server's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.params import SplitParams, shown_instant

__all__ = ["MICROSECOND", "PARTS", "Part", "Span", "first_at", "micros_of", "spans_between", "spans_of"]

Part = Literal["train", "validation", "test", "refit"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

EPOCH = pd.Timestamp(0, tz="UTC")
MICROSECOND = pd.Timedelta(1, "us")


@dataclass(frozen=True)
class Span:
    """One server's rows, counted from its first: training is [train_begin, train_end), validation is
    [validation_begin, validation_end) and test is [test_begin, test_end). What lies between is in no part
    but that of a refit, which is all from the beginning of training to the end of validation."""

    server: str
    first: pd.Timestamp
    rows: int
    train_begin: int
    train_end: int
    validation_begin: int
    validation_end: int
    test_begin: int
    test_end: int

    def range_of(self, part: Part) -> tuple[int, int]:
        """First row of a part, and the row behind its last."""
        return {
            "train": (self.train_begin, self.train_end),
            "validation": (self.validation_begin, self.validation_end),
            "test": (self.test_begin, self.test_end),
            "refit": (self.train_begin, self.validation_end),
        }[part]

    def held_out(self) -> Span:
        """The same without training and validation."""
        return replace(self, train_begin=0, train_end=0, validation_begin=0, validation_end=0)


def spans_of(grid: pd.DataFrame, split: SplitParams, step: pd.Timedelta) -> list[Span]:
    """Place the boundaries.

    Args:
        grid: columns server, timestamp (UTC), one row per step, sorted by both.
        split: shares or dates, whether one instant holds for all servers, and the embargo.
        step: length of one step.

    Returns:
        One span per server, sorted by server; none is held out. With `boundary: per_server` and shares, the
        first test row of a server with n rows is row int((1 - test_split) * n).

    Raises:
        HostcastError: a date lies outside the data, or leaves nothing on one side.
    """
    ends = grid.groupby("server", sort=True)["timestamp"].agg(["min", "size"])
    return spans_between(
        [str(server) for server in ends.index], list(ends["min"]), ends["size"].tolist(), split, step
    )


def spans_between(
    servers: Sequence[str],
    firsts: Sequence[pd.Timestamp],
    rows_of: Sequence[int],
    split: SplitParams,
    step: pd.Timedelta,
) -> list[Span]:
    """The same, of each server's first time and number of rows; see `spans_of`."""
    begins = [micros_of(first) for first in firsts]
    length = step // MICROSECOND
    # microseconds, as whole numbers: there may be many servers
    start = min(begins)
    stop = max(begin + count * length for begin, count in zip(begins, rows_of, strict=True))
    test = split.test_split
    validation = split.validation_split
    for name, value in (("test_split", test), ("validation_split", validation)):
        if isinstance(value, str) and not start < micros_of(pd.Timestamp(value)) < stop:
            raise HostcastError(
                f"split.{name} {shown_instant(value)} lies outside the data, which runs from "
                f"{shown_instant(min(firsts))} to {shown_instant(EPOCH + stop * MICROSECOND)}",
                remedy="choose a date in between, or a share such as 0.2",
            )

    def shared(value: float | str, later: float | str | None) -> int | None:
        """The instant that holds for all servers, if there is one."""
        if isinstance(value, str):
            return micros_of(pd.Timestamp(value))
        if split.boundary == "per_server":
            return None
        span = (stop - start) // length
        if isinstance(later, str):
            return micros_of(pd.Timestamp(later)) - _floor(value * span) * length
        return start + _floor((1 - value - (later or 0.0)) * span) * length

    test_at, validation_at = shared(test, None), shared(validation, test)
    spans = []
    for server, first, begin, rows in zip(servers, firsts, begins, rows_of, strict=True):
        if test_at is not None:
            test_begin = first_at(test_at, begin, rows, length)
        else:
            assert isinstance(test, float)
            test_begin = _floor((1 - test) * rows)
        if validation_at is not None:
            validation_begin = first_at(validation_at, begin, rows, length)
        else:
            # a validation share counts back from the test span, wherever that begins
            assert isinstance(validation, float)
            if isinstance(test, str):
                validation_begin = max(0, test_begin - _floor(validation * rows))
            else:
                validation_begin = _floor((1 - validation - test) * rows)
        validation_begin = min(validation_begin, test_begin)
        spans.append(
            Span(
                server,
                first,
                rows,
                train_begin=0,
                train_end=max(validation_begin - split.embargo, 0),
                validation_begin=validation_begin,
                validation_end=max(test_begin - split.embargo, validation_begin),
                test_begin=test_begin,
                test_end=rows,
            )
        )
    return spans


def first_at(instant: int, begin: int, rows: int, length: int) -> int:
    """A server's first row at or after an instant, all in microseconds; `rows` if there is none."""
    return min(max(-((begin - instant) // length), 0), rows)


def micros_of(instant: pd.Timestamp) -> int:
    """Microseconds since 1970."""
    return int(instant.as_unit("us").asm8.astype(np.int64))


def _floor(value: float) -> int:
    # shares are decimal fractions: 0.7 of 10 rows is 7, whatever binary rounding says
    return int(round(value, 6))

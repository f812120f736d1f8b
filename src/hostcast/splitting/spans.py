"""Where training, validation and test begin and end on each server's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hostcast.errors import HostcastError
from hostcast.params import SplitParams, shown_instant

__all__ = ["Span", "spans_between", "spans_of"]


@dataclass(frozen=True)
class Span:
    """One server's rows, counted from its first: training is [0, train_end), validation is
    [train_end, validation_end) and test is [validation_end, rows)."""

    server: str
    first: pd.Timestamp
    rows: int
    train_end: int
    validation_end: int


def spans_of(grid: pd.DataFrame, split: SplitParams, step: pd.Timedelta) -> list[Span]:
    """Place the boundaries.

    Args:
        grid: columns server, timestamp (UTC), one row per step, sorted by both.
        split: shares or dates, and whether one instant holds for all servers.
        step: length of one step.

    Returns:
        One span per server, sorted by server. With `boundary: per_server` and shares, the first test
        row of a server with n rows is row int((1 - test_split) * n).

    Raises:
        HostcastError: a date lies outside the data, or leaves nothing on one side.
    """
    ends = grid.groupby("server", sort=True)["timestamp"].agg(["min", "size"])
    return spans_between(
        [str(server) for server in ends.index], list(ends["min"]), list(ends["size"]), split, step
    )


def spans_between(
    servers: Sequence[str],
    firsts: Sequence[pd.Timestamp],
    rows_of: Sequence[int],
    split: SplitParams,
    step: pd.Timedelta,
) -> list[Span]:
    """The same, of each server's first time and number of rows; see `spans_of`."""
    first = dict(zip(servers, firsts, strict=True))
    rows = dict(zip(servers, rows_of, strict=True))
    start = min(firsts)
    stop = max(begin + count * step for begin, count in zip(firsts, rows_of, strict=True))
    test = split.test_split
    validation = split.validation_split
    for name, value in (("test_split", test), ("validation_split", validation)):
        if isinstance(value, str) and not start < pd.Timestamp(value) < stop:
            raise HostcastError(
                f"split.{name} {shown_instant(value)} lies outside the data, which runs from "
                f"{shown_instant(start)} to {shown_instant(stop)}",
                remedy="choose a date in between, or a share such as 0.2",
            )

    def boundary(server: str, value: float | str, later: float | str | None) -> int:
        if isinstance(value, str):
            instant = pd.Timestamp(value)
        else:
            # a validation share counts back from the test span, wherever that begins
            share = value + (later if isinstance(later, float) else 0.0)
            if split.boundary == "per_server":
                base = boundary(server, later, None) if isinstance(later, str) else int(rows[server])
                if isinstance(later, str):
                    return max(0, base - int(round(value * int(rows[server]), 6)))
                return _floor((1 - share) * base)
            span = int((stop - start) / step)
            if isinstance(later, str):
                instant = pd.Timestamp(later) - _floor(value * span) * step
            else:
                instant = start + _floor((1 - share) * span) * step
        position = -((first[server] - instant) // step)
        return int(min(max(position, 0), int(rows[server])))

    spans = []
    for server in servers:
        validation_end = boundary(server, test, None)
        train_end = min(boundary(server, validation, test), validation_end)
        spans.append(Span(server, first[server], int(rows[server]), train_end, validation_end))
    return spans


def _floor(value: float) -> int:
    # shares are decimal fractions: 0.7 of 10 rows is 7, whatever binary rounding says
    return int(round(value, 6))

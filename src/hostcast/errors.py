"""Errors a user can act on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

__all__ = ["HostcastError"]


class HostcastError(Exception):
    """A problem with the user's input, stated so that it can be fixed.

    Args:
        problem: what is wrong, in one sentence.
        file: the file it was found in.
        column: the column, if one is to blame.
        row: 1-based data row (the header does not count), if one is to blame.
        remedy: what to change.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        file: object | None = None,
        column: str | None = None,
        row: int | None = None,
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.file = None if file is None else str(file)
        self.column = column
        self.row = row
        super().__init__(str(self))

    def __reduce__(self) -> tuple[Callable[[], HostcastError], tuple[()]]:
        # an exception is otherwise made again from its text alone, when it comes from another process
        again = partial(
            type(self),
            self.problem,
            remedy=self.remedy,
            file=self.file,
            column=self.column,
            row=self.row,
        )
        return again, ()

    def __str__(self) -> str:
        place = [
            f"{label} {_printable(value)}"
            for label, value in (
                ("file", self.file),
                ("column", self.column),
                ("row", self.row),
            )
            if value is not None
        ]
        where = f"{', '.join(place)}: " if place else ""
        return f"{where}{_visible(self.problem)}\n  What to do: {self.remedy}"


def _visible(text: str) -> str:
    """Libraries quote data in their messages: what a terminal would obey is spelled out; lines stay."""

    def shown(char: str) -> str:
        return char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()

    return "".join(map(shown, text))


def _printable(value: object, limit: int = 200) -> str:
    """Names come from data: keep them on one line and of bounded length."""
    text = str(value)
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= limit else f"{shown[:limit]}... ({len(shown)} characters)"

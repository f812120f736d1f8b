"""Where in the input a problem lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hostcast.errors import HostcastError

__all__ = ["Place", "counted_from", "first_row", "shown"]


@dataclass(frozen=True)
class Place:
    """A column of one file; `file` is None for simulated telemetry."""

    file: str | None
    column: str

    def error(self, problem: str, *, remedy: str, row: int | None = None) -> HostcastError:
        """The error to raise for a problem here; `row` is the 1-based data row."""
        return HostcastError(problem, remedy=remedy, file=self.file, column=self.column, row=row)


def first_row(mask: npt.NDArray[np.bool_]) -> int:
    """1-based row of the first True; the mask must hold one."""
    return int(np.argmax(mask)) + 1


def shown(value: object, limit: int = 80) -> str:
    """A value from the data, fit for one line of a message."""
    text = ascii(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


@contextmanager
def counted_from(rows: int) -> Iterator[None]:
    """Within the block, errors count rows from `rows` rows into the file."""
    try:
        yield
    except HostcastError as error:
        if error.row is None or not rows:
            raise
        raise HostcastError(
            error.problem, remedy=error.remedy, file=error.file, column=error.column, row=error.row + rows
        ) from None

"""What files leave unsaid: names of columns, which server it is, what time it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from hostcast.params import FilesParams
from hostcast.params.lengths import length_of
from hostcast.telemetry.discovery import COMPRESSIONS, label_of
from hostcast.telemetry.place import Place, first_row
from hostcast.telemetry.values import metric_values

__all__ = ["SERVER", "TIMESTAMP", "Unsaid", "micros_of"]

SERVER = "server"
TIMESTAMP = "timestamp"

# what calendars and reports can express, as for other timestamps
_EARLIEST, _LATEST = -62_135_596_800 * 10**6, 253_402_300_800 * 10**6


@dataclass(frozen=True)
class Unsaid:
    """How to read files that don't say it all; by default they do.

    Attributes:
        endings: further endings of names, without the dot, and the formats behind them.
        header: whether the first line of a CSV names its columns.
        server_from_name: whether a file's name is the server of all of its rows.
        time: see `prepare.files.time`.
        start: microseconds since 1970 at which seconds or rows begin.
        apart: distance of rows in microseconds, where time is counted in rows.
    """

    endings: Mapping[str, str] = field(default_factory=dict)
    header: bool = True
    server_from_name: bool = False
    time: Literal["column", "seconds", "row_number"] = "column"
    start: int = 0
    apart: int = 0

    @classmethod
    def from_params(cls, params: FilesParams) -> Self:
        """What `prepare.files` says."""
        return cls(
            endings=params.endings,
            header=params.header,
            server_from_name=params.server == "file_name",
            time=params.time,
            start=0 if params.start is None else micros_of(params.start),
            apart=0 if params.freq is None else length_of(params.freq) // pd.Timedelta(1, "us"),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Of server and timestamp, what is a column of each file."""
        named = [] if self.server_from_name else [SERVER]
        return (*named, *([] if self.time == "row_number" else [TIMESTAMP]))

    @property
    def notation(self) -> str | None:
        """How times are told, for the quality report; None = as the column is written."""
        return {"column": None, "seconds": "seconds since start", "row_number": "row number"}[self.time]

    @staticmethod
    def server_of(path: Path) -> str:
        """The file's name without what tells its format; bytes in it that are no text are spelled out."""
        name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if Path(name).suffix.lower() in COMPRESSIONS:
            name = Path(name).stem
        return Path(name).stem

    def completed(
        self, arrays: Mapping[str, Any], source: Mapping[str, str], path: Path, rows_before: int
    ) -> Mapping[str, Any]:
        """A file's columns with server and timestamp.

        Args:
            arrays: hostcast's name -> Arrow array, all of one length.
            source: hostcast's name -> the file's.
            path: of the file.
            rows_before: rows of the server before these.

        Raises:
            HostcastError: seconds are missing, or no numbers.
        """
        made: dict[str, Any] = {}
        rows = len(next(iter(arrays.values())))
        if self.server_from_name:
            codes = pa.array(np.zeros(rows, np.int32))
            made[SERVER] = pa.DictionaryArray.from_arrays(
                codes, pa.array([self.server_of(path)], pa.string())
            )
        if self.time == "row_number":
            micros = self.start + np.arange(rows_before, rows_before + rows, dtype=np.int64) * self.apart
            made[TIMESTAMP] = pa.array(micros).cast(pa.timestamp("us", "UTC"))
        elif self.time == "seconds":
            place = Place(label_of(path), source.get(TIMESTAMP, TIMESTAMP))
            made[TIMESTAMP] = self._counted(arrays[TIMESTAMP], place)
        return {**arrays, **made}

    def _counted(self, array: Any, place: Place) -> Any:
        seconds = metric_values(array, place, "point").numbers.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            wrong = ~((seconds * 1e6 >= _EARLIEST - self.start) & (seconds * 1e6 < _LATEST - self.start))
        if wrong.any():
            raise place.error(
                "holds no number of seconds that leads to a date",
                row=first_row(wrong),
                remedy="give every row its seconds since prepare.files.start, or remove the row",
            )
        micros = self.start + np.rint(seconds * 1e6).astype(np.int64)
        return pa.array(micros).cast(pa.timestamp("us", "UTC"))


def micros_of(instant: str) -> int:
    """Microseconds since 1970 of an instant that names its zone."""
    return int(pd.Timestamp(instant).as_unit("us").asm8.astype(np.int64))

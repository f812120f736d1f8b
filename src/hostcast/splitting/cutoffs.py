"""All cutoffs of a part, as runs: a fleet has tens of millions of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Cutoffs"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cutoffs:
    """Cutoffs in order, by runs of one server each.

    Attributes:
        servers: of each run.
        first: row, on the server's grid, of each run's first cutoff.
        every: rows from one cutoff to the next.
        counts: cutoffs of each run.
        starts: time of each server's first row.
        step: length of one row.
    """

    servers: npt.NDArray[Any]
    first: Ints
    every: Ints
    counts: Ints
    starts: pd.DatetimeIndex
    step: pd.Timedelta

    def __len__(self) -> int:
        return int(self._behind[-1]) if len(self._behind) else 0

    @property
    def last(self) -> Ints:
        """Row of each run's last cutoff."""
        return self.first + (self.counts - 1) * self.every

    def at(self, places: Ints) -> tuple[Ints, Ints]:
        """For each place in the order, its run and the row on that server's grid."""
        run = np.searchsorted(self._behind, places, side="right").astype(np.int64)
        before: Ints = self._behind - self.counts
        return run, self.first[run] + (places - before[run]) * self.every[run]

    def frame(self, places: Ints | None = None) -> pd.DataFrame:
        """Columns server, position (row on the server's grid), cutoff (UTC), of all places or of some."""
        if not len(self):
            return pd.DataFrame({"server": [], "position": [], "cutoff": []})
        run, position = self.at(np.arange(len(self)) if places is None else places)
        return pd.DataFrame(
            {
                "server": pd.Series(self.servers, dtype="str").array.take(run),
                "position": position,
                "cutoff": self.starts.take(run) + position * self.step.to_timedelta64(),
            }
        )

    def thinned(self, most: int | None) -> pd.DataFrame:
        """The frame of so many cutoffs at most, evenly spread; None = all."""
        if most is None or len(self) <= most:
            return self.frame()
        return self.frame(np.linspace(0, len(self) - 1, most).round().astype(np.int64))

    @cached_property
    def _behind(self) -> Ints:
        return np.cumsum(self.counts)

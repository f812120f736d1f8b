"""What was measured of data, and what follows from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from hostcast.benchmark.data.training import FirstStep
from hostcast.benchmark.spread import Spread, spread_of

__all__ = ["DataRuns", "Reading"]


@dataclass(frozen=True)
class Reading:
    """What one process took.

    Attributes:
        rows: of telemetry.
        by: hostcast or pandas.
        repeat: which, from 1 on.
        prepare, featurize, split: seconds.
        peak_mib: largest resident memory, libraries included.
    """

    rows: int
    by: str
    repeat: int
    prepare: float
    featurize: float
    split: float
    peak_mib: float

    @property
    def seconds(self) -> float:
        """Of all three."""
        return self.prepare + self.featurize + self.split


@dataclass(frozen=True)
class DataRuns:
    """All that was measured.

    Attributes:
        cores: that could be used.
        servers: of the fleets.
        readings: of each size and repeat.
        training: from the largest table to the first step.
    """

    cores: int
    servers: int
    readings: list[Reading]
    training: FirstStep

    @property
    def exponent(self) -> float | None:
        """Of rows in the time of all three, from the smallest to the largest size: 1 is linear; None of a
        single size."""
        return self._exponent(0)

    @property
    def last_exponent(self) -> float | None:
        """The same between the two largest sizes, where what takes as long for any size weighs least."""
        return self._exponent(-2)

    @property
    def speedup(self) -> Spread | None:
        """Over pandas, repeat by repeat, at the size that both were measured at."""
        frame = self.frame
        theirs = frame[frame["by"] == "pandas"].set_index(["rows", "repeat"])["seconds"]
        ours = frame[frame["by"] == "hostcast"].set_index(["rows", "repeat"])["seconds"]
        return spread_of((theirs / ours).dropna()) if len(theirs) else None

    @property
    def frame(self) -> pd.DataFrame:
        """The readings as a table, with seconds of all three."""
        return pd.DataFrame([{**asdict(each), "seconds": each.seconds} for each in self.readings])

    def to_dict(self) -> dict[str, object]:
        """JSON-able form."""
        return {
            **asdict(self),
            "exponent": self.exponent,
            "last_exponent": self.last_exponent,
            "speedup_over_pandas": None if self.speedup is None else asdict(self.speedup),
        }

    def _exponent(self, first: int) -> float | None:
        own = self.frame[self.frame["by"] == "hostcast"].groupby("rows")["seconds"].median()
        if len(own) < 2:
            return None
        chosen = own.iloc[first:]
        return float(np.polyfit(np.log(chosen.index.to_numpy(float)), np.log(chosen.to_numpy()), 1)[0])

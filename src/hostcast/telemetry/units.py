"""A group of servers over one stretch of time: the unit in which telemetry is cleaned and laid out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hostcast.parts import Layout, Part
from hostcast.telemetry.cleaning import Cleaned
from hostcast.telemetry.suspicion import Suspects

__all__ = ["COUNTS", "ColumnSums", "UnitFacts", "counter_key", "fill"]

# what adds up over units
COUNTS = ("infinite", "out_of_range", "below_range", "merged", "dropped", "off_step", "counters")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class UnitFacts:
    """What cleaning found in a unit.

    Attributes:
        servers: places in the group of those with an observation.
        observed: each one's observed steps.
        filled: of these, steps with a valid value of a target.
        first, last: first and last of these steps.
        apart: (place, steps, how often) for each distance, above one step, between one observation and
            the next.
        infinite, out_of_range, below_range, merged, dropped: see `Cleaned`.
        off_step: the same, under that name.
        counters: what `Rates` counted of each counter, see `counter_key`.
        suspects: what looks odd.
    """

    servers: list[int]
    observed: list[int]
    filled: list[int]
    first: list[int]
    last: list[int]
    apart: list[list[int]]
    infinite: Mapping[str, int]
    out_of_range: Mapping[str, int]
    below_range: Mapping[str, int]
    merged: Mapping[str, int]
    dropped: Mapping[str, int]
    off_step: Mapping[str, int]
    counters: Mapping[str, int]
    suspects: Suspects

    @classmethod
    def of(cls, cleaned: Cleaned, targets: int, counters: Mapping[str, Counter[str]]) -> Self:
        """Facts of cleaned rows whose server codes are places in the group.

        Args:
            cleaned: the rows.
            targets: how many of the leading metrics are targets.
            counters: what `Rates` counted, by counter.
        """
        code, step = cleaned.server, cleaned.step
        begin = np.flatnonzero(np.diff(code, prepend=-1))
        end = np.append(begin, len(code))[1:]
        apart = np.diff(step)
        far = np.flatnonzero((apart > 1) & (code[1:] == code[:-1]))
        often = Counter(zip(code[far].tolist(), apart[far].tolist(), strict=True))
        usable = ~np.isnan(cleaned.values[:, 0])
        for place in range(1, targets):
            usable |= ~np.isnan(cleaned.values[:, place])
        behind = np.concatenate([[0], np.cumsum(usable)]).astype(np.int64)
        return cls(
            servers=code[begin].tolist(),
            observed=(end - begin).tolist(),
            filled=(behind[end] - behind[begin]).tolist(),
            first=step[begin].tolist(),
            last=step[end - 1].tolist(),
            apart=[[place, steps, count] for (place, steps), count in sorted(often.items())],
            infinite=cleaned.infinite,
            out_of_range=cleaned.out_of_range,
            below_range=cleaned.below_range,
            merged=+cleaned.merged,
            dropped=+cleaned.dropped,
            off_step={"off_step": cleaned.off_step} if cleaned.off_step else {},
            counters={
                counter_key(name, kind): count
                for name, counts in counters.items()
                for kind, count in counts.items()
            },
            suspects=cleaned.suspects,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        # not `asdict`: it would count the pairs of a Counter
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return own | {"suspects": [self.suspects.looked, self.suspects.odd]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        looked, odd = content["suspects"]
        suspects = Suspects(looked, [(code, name, kind) for code, name, kind in odd])
        return cls(**{**content, "suspects": suspects})


def counter_key(name: str, kind: str) -> str:
    """Under which `UnitFacts.counters` holds what was counted of a counter."""
    return f"{kind} {name}"


@dataclass(frozen=True)
class ColumnSums:
    """Statistics of the metrics on each server, (servers, metrics).

    Attributes:
        valid: number of values.
        low, high: the smallest and the largest; infinite the other way round where there is none.
        total: their sum, float64.
    """

    valid: Ints
    low: Floats
    high: Floats
    total: npt.NDArray[np.float64]

    @classmethod
    def of(cls, values: Floats, counts: Sequence[int]) -> Self:
        """Of rows of several servers, one after another; `counts` says how many of each."""
        size = np.asarray(counts, np.int64)
        begin = np.cumsum(size) - size
        known = ~np.isnan(values)
        low = high = total = values
        valid = np.repeat(size[:, None], values.shape[1], axis=1)
        if not known.all():
            valid = np.add.reduceat(known, begin, axis=0, dtype=np.int64)
            low, high, total = (np.where(known, values, np.float32(gap)) for gap in (np.inf, -np.inf, 0))
        return cls(
            valid,
            np.minimum.reduceat(low, begin, axis=0),
            np.maximum.reduceat(high, begin, axis=0),
            np.add.reduceat(total, begin, axis=0, dtype=np.float64),
        )

    @classmethod
    def none(cls, servers: int, metrics: int) -> Self:
        """Of no rows yet."""
        shape = (servers, metrics)
        return cls(
            np.zeros(shape, np.int64),
            np.full(shape, np.inf, np.float32),
            np.full(shape, -np.inf, np.float32),
            np.zeros(shape, np.float64),
        )

    def add(self, other: ColumnSums, servers: Sequence[int]) -> None:
        """Take in later rows of some of the servers."""
        places = np.asarray(servers, np.int64)
        self.valid[places] += other.valid
        self.low[places] = np.minimum(self.low[places], other.low)
        self.high[places] = np.maximum(self.high[places], other.high)
        self.total[places] += other.total

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        some = self.valid > 0
        return {
            "valid": self.valid.tolist(),
            "low": np.where(some, self.low, 0).tolist(),
            "high": np.where(some, self.high, 0).tolist(),
            "total": self.total.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        valid = np.array(content["valid"], np.int64)
        return cls(
            valid,
            np.where(valid > 0, np.array(content["low"], np.float32), np.float32(np.inf)),
            np.where(valid > 0, np.array(content["high"], np.float32), np.float32(-np.inf)),
            np.array(content["total"], np.float64),
        )


def fill(cleaned: Cleaned | None, codes: Sequence[int], layout: Layout, part: Part, metrics: int) -> Floats:
    """The values of a part; steps without an observation are NaN, nothing is filled in.

    Args:
        cleaned: rows of the unit; None if it has none.
        codes: for each server of the layout, its code there.
        layout: of the group's servers.
        part: of the layout.
        metrics: number of columns.
    """
    if cleaned is None:
        return np.full((part.rows, metrics), np.nan, np.float32)
    step, values = cleaned.step, cleaned.values
    low = np.searchsorted(cleaned.server, codes, side="left")
    high = np.searchsorted(cleaned.server, codes, side="right")
    if part.rows == len(values) and sum((high - low)[piece.server] for piece in part.pieces) == part.rows:
        return values
    filled = np.full((part.rows, metrics), np.nan, np.float32)
    begin = 0
    for piece in part.pieces:
        own = slice(int(low[piece.server]), int(high[piece.server]))
        place = step[own] - (int(layout.first[piece.server]) + piece.offset) + begin
        filled[place] = values[own]
        begin += piece.count
    return filled

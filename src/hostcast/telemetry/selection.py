"""Which servers and targets are fit to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.telemetry.cleaning import LARGEST
from hostcast.telemetry.place import shown
from hostcast.telemetry.wanted import TIMESTAMP

__all__ = [
    "Discarded",
    "LeftOut",
    "Selection",
    "check_spacing",
    "check_targets",
    "fit",
    "select_servers",
    "stray_time",
    "typical",
]

# A stray timestamp (a clock at 1970, a mistyped year) would stretch a server's grid over decades.
_LONG_STEPS = 100_000
_THIN_SHARE = 0.05


@dataclass(frozen=True)
class LeftOut:
    """A server that is not in the prepared telemetry; `observed` counts its steps."""

    name: str
    reason: str
    observed: int


@dataclass(frozen=True)
class Selection:
    """Names of the servers kept, sorted, and the servers left out."""

    kept: list[str]
    left_out: list[LeftOut]


@dataclass(frozen=True)
class Discarded:
    """How many values of each metric were taken as missing."""

    out_of_range: Mapping[str, int]
    infinite: Mapping[str, int]

    def of(self, metrics: Sequence[str]) -> str:
        """That of some metrics, to end a sentence with; nothing if all values stand as read."""
        parts = [
            f"{self.out_of_range[name]} values were outside prepare.ranges.{name}"
            for name in metrics
            if self.out_of_range[name]
        ]
        infinite = sum(self.infinite[name] for name in metrics)
        if infinite:
            parts.append(f"{infinite} values were infinite or too large (beyond {LARGEST:g})")
        return f"; {', '.join(parts)}; they count as missing" if parts else ""


def typical(apart: Mapping[int, int]) -> int:
    """The median of distances, of which `apart` says how often each occurs; 0 if there are none."""
    if len(apart) < 2:
        return next(iter(apart), 0)
    lengths = np.array(sorted(apart), np.int64)
    behind = np.cumsum([apart[length] for length in lengths.tolist()])
    count = int(behind[-1])
    middle = lengths[np.searchsorted(behind, [(count - 1) // 2, count // 2], side="right")]
    return int(middle.mean())


def check_spacing(apart: Mapping[int, int], step: pd.Timedelta) -> None:
    """See that steps are not far shorter than the distance of observations.

    Args:
        apart: how often each distance between one observation and the next occurs, in steps.
        step: length of one step.

    Raises:
        HostcastError: most steps would be missing.
    """
    if typical(apart) > 1:
        spacing = _as_freq(typical(apart) * step)
        raise HostcastError(
            f"rows lie {spacing} apart, but base.freq is {_as_freq(step)}: most steps would be missing",
            column="timestamp",
            remedy=f"set base.freq: {spacing}",
        )


def fit(observed: int, filled: int, min_rows: int) -> bool:
    """Whether there is enough of a server to learn from."""
    return filled > 0 and observed >= min_rows


def select_servers(
    names: Sequence[str],
    observed: Sequence[int],
    filled: Sequence[int],
    discarded: Discarded,
    targets: Sequence[str],
    *,
    min_rows: int,
    on_empty_server: Literal["fail", "drop"],
    unwanted: Mapping[str, str],
    file: str | None = None,
) -> Selection:
    """Leave out servers with too little to learn from.

    Args:
        names: of all servers, sorted.
        observed: each one's observed steps.
        filled: of these, steps with a valid value in any target.
        discarded: what was taken as missing, which may be why there are none.
        targets: their names.
        min_rows: fewest observed steps of a server.
        on_empty_server: what to do about a server without a valid value in any target.
        unwanted: servers that no row is left of because of its time, and why.
        file: where they come from.

    Raises:
        HostcastError: a server is empty and `on_empty_server` is fail, all are, or no server is left.
    """
    if not any(observed) and names and all(name in unwanted for name in names):
        first = names[0]
        raise HostcastError(
            f"no row is left; server {shown(first)}: {unwanted[first]}",
            file=file,
            remedy="correct prepare.not_after, or the timestamps",
        )
    if not any(filled):
        raise HostcastError(
            "no target has a usable value on any server" + discarded.of(targets),
            file=file,
            remedy="check prepare.columns, prepare.ranges and prepare.units against what the source holds",
        )
    kept, left_out = [], []
    for name, steps, usable in zip(names, observed, filled, strict=True):
        if steps == 0 and name in unwanted:
            left_out.append(LeftOut(name, unwanted[name], 0))
        elif usable == 0:
            if on_empty_server == "fail":
                raise HostcastError(
                    f"server {shown(name)} has not one usable value in any target",
                    file=file,
                    remedy="repair or remove its rows, or set prepare.on_empty_server: drop",
                )
            left_out.append(LeftOut(name, "no usable value in any target", steps))
        elif not fit(steps, usable, min_rows):
            reason = f"fewer observed steps than prepare.min_rows ({min_rows})"
            left_out.append(LeftOut(name, reason, steps))
        else:
            kept.append(name)
    if not kept:
        most = max(left_out, key=lambda server: server.observed)
        raise HostcastError(
            f"no server is left: of {len(left_out)} the longest, {shown(most.name)}, has "
            f"{most.observed} observed step(s) and was left out for {most.reason}",
            file=file,
            remedy="provide longer histories, or lower prepare.min_rows",
        )
    return Selection(kept, left_out)


def stray_time(server: str, first: int, last: int, observed: int, step_micros: int) -> HostcastError | None:
    """The error to raise if a server's few observations lie so far apart that a timestamp must be wrong."""
    length = last - first + 1
    if length < _LONG_STEPS or observed >= _THIN_SHARE * length:
        return None
    begin, end = (str(np.datetime64(int(at) * step_micros, "us")) for at in (first, last))
    return HostcastError(
        f"server {shown(server)} has {observed} observed steps "
        f"spread over {length}, from {begin} to {end} UTC",
        column=TIMESTAMP,
        remedy="correct or remove rows with a stray timestamp; the first and the last are the suspects",
    )


def check_targets(
    low: npt.NDArray[np.float32],
    high: npt.NDArray[np.float32],
    targets: Sequence[str],
    sources: Sequence[str],
    file: str | None,
    discarded: Discarded,
) -> None:
    """Refuse a target that holds nothing to learn in the whole fleet.

    Args:
        low, high: the smallest and largest value of each target on all kept servers; infinite the other
            way round where there is none.
        targets: their names.
        sources: what the source calls them.
        file: where they come from.
        discarded: what was taken as missing, which may be why.

    Raises:
        HostcastError: a target has no valid value, or but one value, everywhere.
    """
    for place, (name, source) in enumerate(zip(targets, sources, strict=True)):
        if low[place] > high[place]:
            raise HostcastError(
                "the target has no valid value on any server" + discarded.of([name]),
                file=file,
                column=source,
                remedy=f"check prepare.ranges.{name}, prepare.units and the mapping in prepare.columns, "
                "or take the target out of base.target_metrics",
            )
        if low[place] == high[place]:
            why = discarded.of([name])
            alone = "the only valid value of the target is" if why else "the target is"
            check = f"check prepare.ranges.{name} and the source's unit and sign, " if why else ""
            raise HostcastError(
                f"{alone} {low[place]:g} on every server at every time: there is nothing to forecast{why}",
                file=file,
                column=source,
                remedy=f"{check}take {name} out of base.target_metrics, or provide data in which it varies",
            )


def _as_freq(length: pd.Timedelta) -> str:
    micros = length // pd.Timedelta(1, "us")
    for unit, size in (("D", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000)):
        if micros % size == 0:
            return f"{micros // size}{unit}"
    return f"{micros}us"

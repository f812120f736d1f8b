"""Which servers and targets are fit to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.telemetry.cleaning import LARGEST, Cleaned
from hostcast.telemetry.place import shown

__all__ = ["LeftOut", "Selection", "check_spacing", "check_targets", "select_servers"]


@dataclass(frozen=True)
class LeftOut:
    """A server that is not in the prepared telemetry; `observed` counts its steps."""

    name: str
    reason: str
    observed: int


@dataclass(frozen=True)
class Selection:
    """Codes of the servers kept, in order, and the servers left out."""

    kept: list[int]
    left_out: list[LeftOut]


def check_spacing(cleaned: Cleaned, step: pd.Timedelta) -> dict[int, int]:
    """Servers whose observations typically lie several steps apart: server code -> steps.

    Raises:
        HostcastError: that holds for the data as a whole, so that most steps would be missing.
    """
    own = cleaned.server[1:] == cleaned.server[:-1]
    apart = np.diff(cleaned.step)[own]
    if not len(apart):
        return {}
    typical = int(np.median(apart))
    if typical > 1:
        spacing = _as_freq(typical * step)
        raise HostcastError(
            f"rows lie {spacing} apart, but base.freq is {_as_freq(step)}: most steps would be missing",
            column="timestamp",
            remedy=f"set base.freq: {spacing}",
        )
    by_server = pd.Series(apart).groupby(cleaned.server[1:][own]).median()
    return {int(str(code)): int(steps) for code, steps in by_server.items() if steps > 1}


def select_servers(
    cleaned: Cleaned,
    names: Sequence[str],
    targets: int,
    *,
    min_rows: int,
    on_empty_server: Literal["fail", "drop"],
    file: str | None = None,
) -> Selection:
    """Leave out servers with too little to learn from.

    Args:
        names: server names by code.
        targets: how many of the leading metrics are targets.
        min_rows: fewest observed steps of a server.
        on_empty_server: what to do about a server without a valid value in any target.
        file: where they come from.

    Raises:
        HostcastError: a server is empty and `on_empty_server` is fail, all are, or no server is left.
    """
    observed = np.bincount(cleaned.server, minlength=len(names))
    usable = ~np.isnan(cleaned.values[:, :targets]).all(axis=1)
    filled = np.bincount(cleaned.server[usable], minlength=len(names))
    if not filled.any():
        raise HostcastError(
            "no target has a usable value on any server"
            + _discarded(cleaned, list(cleaned.infinite)[:targets]),
            file=file,
            remedy="check prepare.columns, prepare.ranges and prepare.units against what the source holds",
        )
    kept, left_out = [], []
    for code, name in enumerate(names):
        if observed[code] == 0 and cleaned.skewed[code]:
            left_out.append(
                LeftOut(name, "all its rows lie past the fleet's end (prepare.max_clock_skew)", 0)
            )
        elif filled[code] == 0:
            if on_empty_server == "fail":
                raise HostcastError(
                    f"server {shown(name)} has not one usable value in any target",
                    file=file,
                    remedy="repair or remove its rows, or set prepare.on_empty_server: drop",
                )
            left_out.append(LeftOut(name, "no usable value in any target", int(observed[code])))
        elif observed[code] < min_rows:
            reason = f"fewer observed steps than prepare.min_rows ({min_rows})"
            left_out.append(LeftOut(name, reason, int(observed[code])))
        else:
            kept.append(code)
    if not kept:
        most = max(left_out, key=lambda server: server.observed)
        raise HostcastError(
            f"no server is left: of {len(left_out)} the longest, {shown(most.name)}, has "
            f"{most.observed} observed step(s) and was left out for {most.reason}",
            file=file,
            remedy="provide longer histories, or lower prepare.min_rows",
        )
    return Selection(kept, left_out)


def check_targets(
    values: npt.NDArray[np.float32],
    targets: Sequence[str],
    sources: Sequence[str],
    file: str | None,
    cleaned: Cleaned,
) -> None:
    """Refuse a target that holds nothing to learn in the whole fleet.

    Args:
        values: of all kept servers, (rows, at least the targets).
        sources: what the source calls the targets.
        file: where they come from.
        cleaned: of this, how many values were discarded, which may be why.

    Raises:
        HostcastError: a target has no valid value, or but one value, everywhere.
    """
    for position, (name, source) in enumerate(zip(targets, sources, strict=True)):
        column = values[:, position]
        column = column[~np.isnan(column)]
        if not len(column):
            raise HostcastError(
                "the target has no valid value on any server" + _discarded(cleaned, [name]),
                file=file,
                column=source,
                remedy=f"check prepare.ranges.{name}, prepare.units and the mapping in prepare.columns, "
                "or take the target out of base.target_metrics",
            )
        if column.min() == column.max():
            discarded = _discarded(cleaned, [name])
            alone = "the only valid value of the target is" if discarded else "the target is"
            check = f"check prepare.ranges.{name} and the source's unit and sign, " if discarded else ""
            raise HostcastError(
                f"{alone} {column[0]:g} on every server at every time: there is nothing to forecast"
                f"{discarded}",
                file=file,
                column=source,
                remedy=f"{check}take {name} out of base.target_metrics, or provide data in which it varies",
            )


def _discarded(cleaned: Cleaned, names: Sequence[str]) -> str:
    """What was taken as missing, to end a sentence with; nothing if all values stand as read."""
    parts = [
        f"{cleaned.out_of_range[name]} values were outside prepare.ranges.{name}"
        for name in names
        if cleaned.out_of_range[name]
    ]
    infinite = sum(cleaned.infinite[name] for name in names)
    if infinite:
        parts.append(f"{infinite} values were infinite or too large (beyond {LARGEST:g})")
    return f"; {', '.join(parts)}; they count as missing" if parts else ""


def _as_freq(length: pd.Timedelta) -> str:
    micros = length // pd.Timedelta(1, "us")
    for unit, size in (("D", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000)):
        if micros % size == 0:
            return f"{micros // size}{unit}"
    return f"{micros}us"

"""Laying observations on a regular grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.telemetry.cleaning import Cleaned
from hostcast.telemetry.place import shown
from hostcast.telemetry.wanted import SERVER, TIMESTAMP, Wanted

__all__ = ["Grid", "lay_out"]

# A stray timestamp (a clock at 1970, a mistyped year) would stretch a server's grid over decades.
_LONG_STEPS = 100_000
_THIN_SHARE = 0.05


@dataclass(frozen=True)
class Grid:
    """Every step of every kept server from its first to its last observation.

    Attributes:
        frame: the prepared telemetry.
        values: its metrics, NaN = missing, (steps, metrics).
        names: kept servers, sorted.
        start: position of each server's first step, (servers,).
        length: each server's number of steps, (servers,).
        observed: each server's number of observed steps, (servers,).
        longest_gap: most steps in a row without an observation, (servers,).
    """

    frame: pd.DataFrame
    values: npt.NDArray[np.float32]
    names: list[str]
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    observed: npt.NDArray[np.int64]
    longest_gap: npt.NDArray[np.int64]


def lay_out(
    cleaned: Cleaned,
    kept: Sequence[int],
    names: Sequence[str],
    static: Mapping[str, Mapping[int, str]],
    wanted: Wanted,
    step_micros: int,
) -> Grid:
    """Put the kept servers' observations on the grid; steps without one are NaN, nothing is filled in.

    Raises:
        HostcastError: a server's few observations lie so far apart that a timestamp must be wrong.
    """
    chosen = np.isin(cleaned.server, kept)
    codes, step = np.unique(cleaned.server[chosen], return_inverse=True)[1], cleaned.step[chosen]
    begin = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    end = np.append(begin[1:], len(codes)) - 1
    length = step[end] - step[begin] + 1
    observed = end - begin + 1
    own_names = [names[code] for code in kept]
    _refuse_stray_times(own_names, step[begin], step[end], observed, step_micros)

    start = np.cumsum(length) - length
    values = np.full((int(length.sum()), len(wanted.metrics)), np.nan, np.float32)
    values[start[codes] + step - step[begin][codes]] = cleaned.values[chosen]
    owner = np.repeat(np.arange(len(kept)), length)
    steps = np.arange(len(values)) - start[owner] + step[begin][owner]
    frame = pd.DataFrame(
        {
            SERVER: _text(own_names, owner),
            TIMESTAMP: pd.DatetimeIndex((steps * step_micros).view("M8[us]"), tz="UTC"),
            **{name: values[:, position] for position, name in enumerate(wanted.metrics)},
            **{name: _text([static[name][code] for code in kept], owner) for name in wanted.static},
        }
    )
    jumps = np.diff(step, prepend=step[:1]) - 1
    jumps[begin] = 0
    return Grid(frame, values, own_names, start, length, observed, np.maximum.reduceat(jumps, begin))


def _text(texts: list[str], owner: npt.NDArray[np.int64]) -> pd.Series:
    return pd.Series(np.array(texts, object)[owner], dtype="str")


def _refuse_stray_times(
    names: Sequence[str],
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
    observed: npt.NDArray[np.int64],
    step_micros: int,
) -> None:
    length = last - first + 1
    stray = np.flatnonzero((length >= _LONG_STEPS) & (observed < _THIN_SHARE * length))
    if len(stray):
        server = int(stray[0])
        begin, end = (str(np.datetime64(int(at[server]) * step_micros, "us")) for at in (first, last))
        raise HostcastError(
            f"server {shown(names[server])} has {observed[server]} observed steps "
            f"spread over {length[server]}, from {begin} to {end} UTC",
            column=TIMESTAMP,
            remedy="correct or remove rows with a stray timestamp; the first and the last are the suspects",
        )

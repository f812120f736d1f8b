"""Timestamps of every kind -> microseconds since 1970 in UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hostcast.telemetry.place import Place, first_row, shown
from hostcast.telemetry.values import decoded

__all__ = ["NO_ZONE", "ZONE", "Instants", "instants"]

Micros = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]

ZONE, NO_ZONE = "zone", "no zone"
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_UNITS = tuple(_PER_SECOND)
_NOTATIONS = (*_UNITS, ZONE, NO_ZONE)
# Numbers count as time since 1970 only between 1980 and 2200: within that span the four units do not
# overlap, and compact dates such as 20250106 or 202501061200 do not pass for seconds or milliseconds.
_EARLIEST, _LATEST = 315_532_800, 7_258_118_400

_DATE = r"^[0-9]{4}(-[0-9]{2}-[0-9]{2}|[0-9]{4}[T ])"
_OFFSET = r"[T ][0-9:.]+\s*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
# pandas also takes rests of an offset, and then has no common zone
_WALL = r"^[0-9-]+([T ][0-9:.,]+)?$"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$"
_NOTHING = {"", "nan", "nat", "null", "none", "n/a", "na", "<na>"}

_REMEDY = (
    "write ISO 8601, e.g. 2025-01-06T00:05:00Z, or seconds, milliseconds, microseconds or nanoseconds "
    "since 1970 (of 1980 to 2200)"
)


@dataclass(frozen=True)
class Instants:
    """Instants of a column's rows, each array of length rows.

    Attributes:
        micros: microseconds since 1970 in UTC; meaningless where one of the masks is set.
        ambiguous: local times that a clock showed twice, as it was put back.
        nonexistent: local times that no clock showed, as it was put forward.
        notations: rows by how their instant was written: `zone` (with a zone or offset), `no zone`,
            and `s`, `ms`, `us`, `ns` (since 1970).
    """

    micros: Micros
    ambiguous: Mask
    nonexistent: Mask
    notations: Counter[str]


def instants(array: Any, place: Place, timezone: str) -> Instants:
    """Read timestamps; `timezone` is that of those which name none.

    Local times lost in a change of the clock are marked, not guessed: order within a file, the only
    other hint, must not change the outcome.

    Raises:
        HostcastError: a timestamp is missing or can't be read.
    """
    array = decoded(array)
    kind = array.type
    if array.null_count:
        raise _missing(place, ~np.asarray(array.is_valid()))
    if pa.types.is_date(kind):
        array = array.cast(pa.timestamp("ms"))
        kind = array.type
    if pa.types.is_timestamp(kind):
        micros = _scaled(np.asarray(array.cast(pa.int64())), kind.unit, place)
        return _known(micros, ZONE) if kind.tz is not None else _localized(micros, timezone)
    if pa.types.is_large_string(kind):
        return _from_text(array, place, timezone)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        number = pa.int64() if pa.types.is_integer(kind) else pa.float64()
        numbers = array.cast(number, safe=False).to_numpy()
        if np.isnan(numbers).any():
            raise _missing(place, np.isnan(numbers))
        micros, units = _from_numbers(numbers)
        _refuse(units < 0, array, place)
        return _known(micros, *_UNITS, codes=units)
    raise place.error(f"holds {kind} where timestamps should be", remedy=_REMEDY)


def _missing(place: Place, mask: Mask) -> Exception:
    return place.error(
        "a timestamp is missing", row=first_row(mask), remedy="give every row a timestamp, or remove the row"
    )


def _refuse(unread: Mask, array: Any, place: Place) -> None:
    if unread.any():
        row = first_row(unread)
        raise place.error(f"{shown(array[row - 1].as_py())} is not a timestamp", row=row, remedy=_REMEDY)


def _known(micros: Micros, *notations: str, codes: Codes | None = None) -> Instants:
    """Instants without doubt; `codes` tells each row's notation where there are several."""
    nothing = np.zeros(len(micros), np.bool_)
    if codes is None:
        codes = np.zeros(len(micros), np.int8)
    return Instants(micros, nothing, nothing, _counted(codes, notations))


def _counted(codes: Codes, notations: Sequence[str]) -> Counter[str]:
    counts = np.bincount(codes, minlength=len(notations)).tolist()
    return +Counter(dict(zip(notations, counts, strict=True)))


def _scaled(stamps: Micros, unit: str, place: Place) -> Micros:
    # years 1 to 9999, what calendars and reports can express
    low, high = -62_135_596_800 * _PER_SECOND[unit], 253_402_300_800 * _PER_SECOND[unit]
    if len(stamps) and (int(stamps.min()) < low or int(stamps.max()) >= high):
        seconds = stamps // _PER_SECOND[unit]
        bad = (seconds < -62_135_596_800) | (seconds > 253_402_300_799)
        row = first_row(bad)
        raise place.error(f"{int(stamps[row - 1])} {unit} since 1970 is no date", row=row, remedy=_REMEDY)
    return stamps // 1000 if unit == "ns" else stamps * (10**6 // _PER_SECOND[unit])


def _from_numbers(numbers: npt.NDArray[Any]) -> tuple[Micros, Codes]:
    """Microseconds from numbers since 1970, and each number's unit by its magnitude, -1 = none fits."""
    micros = np.zeros(len(numbers), np.int64)
    units = np.full(len(numbers), -1, np.int8)
    for unit, scale in enumerate(_PER_SECOND.values()):
        fits = (numbers >= _EARLIEST * scale) & (numbers < _LATEST * scale)
        chosen = numbers[fits]
        if chosen.dtype.kind == "f":
            micros[fits] = np.rint(chosen * (10**6 / scale)).astype(np.int64)
        else:
            micros[fits] = chosen // 1000 if scale == 10**9 else chosen * (10**6 // scale)
        units[fits] = unit
    return micros, units


def _localized(wall: Micros, timezone: str) -> Instants:
    """Local clock readings (microseconds) -> instants."""
    if timezone == "UTC":
        return _known(wall, NO_ZONE)
    distinct, back = np.unique(wall, return_inverse=True)
    clock = pd.DatetimeIndex(distinct.view("M8[us]"))
    never = np.zeros(len(clock), np.bool_)
    first = clock.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward")
    real = clock.tz_localize(timezone, ambiguous=never, nonexistent="NaT")
    micros = first.as_unit("us").asi8
    return Instants(
        micros[back],
        np.asarray(first.isna())[back],
        np.asarray(real.isna())[back],
        +Counter({NO_ZONE: len(wall)}),
    )


def _from_text(array: Any, place: Place, timezone: str) -> Instants:
    # servers share their clock: far fewer distinct texts than rows
    coded = array.dictionary_encode()
    codes = np.asarray(coded.indices, dtype=np.int64)
    texts = [text.strip().removesuffix("UTC").rstrip() for text in coded.dictionary.to_pylist()]
    blank = np.array([text.lower() in _NOTHING for text in texts], np.bool_)
    if blank.any():
        raise _missing(place, blank[codes])

    marked = pa.array(texts, pa.large_string())
    numeric = np.asarray(pc.match_substring_regex(marked, _NUMBER))
    dated = np.asarray(pc.match_substring_regex(marked, _DATE))
    named_utc = np.asarray(pc.match_substring_regex(coded.dictionary, r"UTC\s*$"))
    aware = dated & (named_utc | np.asarray(pc.match_substring_regex(marked, _OFFSET)))
    naive = dated & ~aware & np.asarray(pc.match_substring_regex(marked, _WALL))

    micros, unread = np.zeros(len(texts), np.int64), ~(numeric | aware | naive)
    ambiguous, nonexistent = np.zeros(len(texts), np.bool_), np.zeros(len(texts), np.bool_)
    distinct = np.array(texts, object)
    notation = np.where(aware, _NOTATIONS.index(ZONE), _NOTATIONS.index(NO_ZONE)).astype(np.int8)
    micros[numeric], notation[numeric] = _from_numbers(_numbers(distinct[numeric]))
    unread |= notation < 0
    micros[aware], unread[aware] = _iso(distinct[aware], utc=True)
    wall, unread[naive] = _iso(distinct[naive], utc=False)
    _refuse(unread[codes], array, place)
    local = _localized(wall, timezone)
    micros[naive], ambiguous[naive], nonexistent[naive] = local.micros, local.ambiguous, local.nonexistent
    return Instants(
        micros[codes], ambiguous[codes], nonexistent[codes], _counted(notation[codes], _NOTATIONS)
    )


def _numbers(texts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    try:
        # as whole numbers where possible: nanoseconds have more digits than float64
        return np.array([int(text) for text in texts], np.int64)
    except (ValueError, OverflowError):
        return np.array([float(text) for text in texts], np.float64)


def _iso(texts: npt.NDArray[Any], *, utc: bool) -> tuple[Micros, Mask]:
    """Microseconds, and which texts could not be read; without an offset, as if in UTC."""
    parsed = pd.DatetimeIndex(pd.to_datetime(texts, format="ISO8601", utc=utc, errors="coerce"))
    return np.asarray(parsed.as_unit("us").asi8), np.asarray(parsed.isna())

"""From untyped columns to numbers and names, with faults counted or refused."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hostcast.errors import HostcastError
from hostcast.telemetry.place import Place, first_row, shown

__all__ = ["Decimal", "Numbers", "coded_text", "decoded", "metric_values", "single"]

Floats = npt.NDArray[np.float32]
Decimal = Literal["auto", "point", "comma"]
Wide = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# What text may say instead of a number, lower-cased -> the kind it is counted as.
_MISSING = {
    "": "empty",
    "nan": "nan",
    "-nan": "nan",
    "n/a": "n/a",
    "#n/a": "n/a",
    "na": "n/a",
    "<na>": "n/a",
    "null": "null",
    "none": "null",
    "nil": "null",
    "undefined": "null",
    "-": "dash",
    "--": "dash",
    "#num!": "spreadsheet error",
    "#value!": "spreadsheet error",
    "#div/0!": "spreadsheet error",
    "#ref!": "spreadsheet error",
}
_INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}
# digits in groups of three, which a comma (or a point) parts
_GROUPED = r"[+-]?[1-9][0-9]{{0,2}}({mark}[0-9]{{3}})+"
_COMMAS, _POINTS = _GROUPED.format(mark=","), _GROUPED.format(mark=r"\.")
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        numbers: as wide as they were given, NaN where missing, infinite where so given, (rows,).
        missing: how often each kind of missing value was read.
        commas: numbers written with a comma.
    """

    numbers: Wide
    missing: Counter[str]
    commas: int = 0


def decoded(array: Any) -> Any:
    """One contiguous array without dictionary encoding, text as large_string."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    return array


def metric_values(array: Any, place: Place, decimal: Decimal = "auto") -> Numbers:
    """Read numbers; what later arithmetic starts from is `single` of them.

    Raises:
        HostcastError: a value is no number.
    """
    array = decoded(array)
    kind = array.type
    if pa.types.is_null(kind):
        return Numbers(np.full(len(array), np.nan, np.float32), +Counter(null=len(array)))
    if pa.types.is_large_string(kind):
        return _from_text(array, place, decimal)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise place.error(
            f"holds {kind} where numbers should be",
            row=_first_valid(array),
            remedy="write numbers, or map another column in prepare.columns",
        )
    missing = Counter(null=array.null_count)
    wide = array if pa.types.is_floating(kind) else array.cast(pa.float64(), safe=False)
    numbers = wide.to_numpy(zero_copy_only=False)
    missing["nan"] = int(np.isnan(numbers).sum()) - array.null_count
    return Numbers(numbers, +missing)


def single(numbers: Wide) -> Floats:
    """As float32, in an array of its own.

    All later arithmetic starts from float32, so that a file in float64, one in float32 and one in
    text give the same result.
    """
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as such
        narrow = numbers.astype(np.float32)
    # one zero and one NaN: equal values must be equal bytes
    narrow += np.float32(0)
    narrow[np.isnan(narrow)] = np.nan
    return narrow


def coded_text(array: Any, place: Place, *, optional: bool) -> tuple[Codes, list[str]]:
    """Text as positions in a list of distinct texts; whole numbers count as text.

    With `optional`, a missing or blank text has position -1.

    Raises:
        HostcastError: a text is missing or blank and not `optional`, or the column holds neither
            text nor whole numbers (1 and 1.0 would be two names for one thing).
    """
    given = _given_codes(array)
    if given is not None:
        codes, texts = given
    else:
        array = decoded(array)
        kind = array.type
        if pa.types.is_integer(kind) or pa.types.is_null(kind):
            array = array.cast(pa.large_string())
        elif not pa.types.is_large_string(kind):
            raise place.error(
                f"holds {kind} where text should be",
                row=_first_valid(array),
                remedy="write text or whole numbers, or map another column in prepare.columns",
            )
        coded = array.dictionary_encode()
        texts = coded.dictionary.to_pylist()
        codes = np.asarray(coded.indices.fill_null(-1), dtype=np.int64)
    blank = [code for code, text in enumerate(texts) if not text.strip()]
    if blank:
        codes = np.where(np.isin(codes, blank), -1, codes)
    if not optional and (codes < 0).any():
        raise place.error(
            "a value is missing or blank",
            row=first_row(codes < 0),
            remedy="give every row a value here, or remove the row",
        )
    return codes, texts


def _given_codes(array: Any) -> tuple[Codes, list[str]] | None:
    """Codes of text that came as codes, and the texts that occur; None for anything else."""
    if not isinstance(array, pa.DictionaryArray) or array.dictionary.null_count:
        return None
    if not (pa.types.is_string(array.dictionary.type) or pa.types.is_large_string(array.dictionary.type)):
        return None
    texts = array.dictionary.to_pylist()
    if len(set(texts)) < len(texts):
        return None
    # a place more for what is missing
    codes = np.asarray(array.indices.fill_null(len(texts))).astype(np.int64)
    used = np.bincount(codes, minlength=len(texts) + 1)[: len(texts)] > 0
    table = np.append(np.where(used, np.cumsum(used) - 1, -1), -1)
    return table[codes], [text for text, occurs in zip(texts, used.tolist(), strict=True) if occurs]


def _from_text(array: Any, place: Place, decimal: Decimal) -> Numbers:
    numeric = pc.match_substring_regex(array, _NUMBER).fill_null(False)
    if decimal == "comma":
        # in this country 1.234 is a large number
        numeric = pc.and_(
            numeric, pc.invert(pc.match_substring_regex(array, f"^{_POINTS}$").fill_null(False))
        )
    missing, commas = Counter(null=array.null_count), 0
    numbers = pc.if_else(numeric, array, None).cast(pa.float64()).to_numpy(zero_copy_only=False).copy()
    odd = np.flatnonzero(~np.asarray(numeric) & np.asarray(array.is_valid()))
    if len(odd):
        coded = array.take(pa.array(odd)).dictionary_encode()
        codes = np.asarray(coded.indices)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes))
        for code, text in enumerate(coded.dictionary.to_pylist()):
            rows = odd[order[ends[code - 1] if code else 0 : ends[code]]]
            plain = text.strip().lower()
            if plain in _INFINITE:
                numbers[rows] = np.inf
            elif plain in _MISSING:
                missing[_MISSING[plain]] += len(rows)
            elif (pointed := _with_point(plain, decimal)) is not None:
                numbers[rows] = float(pointed)
                commas += len(rows) if "," in plain else 0
            else:
                raise _no_number(text, place, int(rows[0]) + 1)
    return Numbers(numbers, +missing, commas)


def _with_point(text: str, decimal: Decimal) -> str | None:
    """The number as Python writes it, None if it is none, or could be either of two."""
    if decimal != "comma" and re.fullmatch(_NUMBER[1:-1], text, re.ASCII):
        return text
    commas = re.fullmatch(rf"({_COMMAS})(\.[0-9]*)?", text, re.ASCII)
    # only thousands have a point after the comma, or several commas
    grouped = commas and (decimal == "point" or commas[3] is not None or text.count(",") > 1)
    if grouped and decimal != "comma":
        return text.replace(",", "")
    if decimal == "point" or (commas and decimal == "auto"):
        return None
    pointed = text
    if re.fullmatch(rf"({_POINTS})(,[0-9]*)?", text, re.ASCII):
        pointed = text.replace(".", "")
    pointed = pointed.replace(",", ".")
    return pointed if re.fullmatch(_NUMBER[1:-1], pointed, re.ASCII) else None


def _no_number(text: str, place: Place, row: int) -> HostcastError:
    if re.fullmatch(_COMMAS, text.strip(), re.ASCII):
        return place.error(
            f"{shown(text)} could be a thousand or a decimal comma",
            row=row,
            remedy="say which in prepare.decimal (point: thousands; comma: decimals)",
        )
    return place.error(
        f"{shown(text)} is not a number",
        row=row,
        remedy="write a number, or nothing where the value is missing",
    )


def _first_valid(array: Any) -> int:
    return first_row(np.asarray(array.is_valid())) if array.null_count < len(array) else 1

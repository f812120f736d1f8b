"""From untyped columns to numbers and names, with faults counted or refused."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hostcast.telemetry.place import Place, first_row, shown

__all__ = ["coded_text", "decoded", "metric_values"]

Floats = npt.NDArray[np.float32]
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
}
_INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def decoded(array: Any) -> Any:
    """One contiguous array without dictionary encoding, text as large_string."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    return array


def metric_values(array: Any, place: Place) -> tuple[Floats, Counter[str]]:
    """Numbers as float32 (infinite ones stay), NaN where missing, and how often each kind of missing.

    All later arithmetic starts from float32, so that a file in float64, one in float32 and one in
    text give the same result.

    Raises:
        HostcastError: a value is no number.
    """
    array = decoded(array)
    kind = array.type
    if pa.types.is_null(kind):
        return np.full(len(array), np.nan, np.float32), Counter(null=len(array))
    if pa.types.is_large_string(kind):
        return _from_text(array, place)
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
    return _single(numbers), +missing


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


def _from_text(array: Any, place: Place) -> tuple[Floats, Counter[str]]:
    numeric = pc.match_substring_regex(array, _NUMBER).fill_null(False)
    missing = Counter(null=array.null_count)
    numbers = pc.if_else(numeric, array, None).cast(pa.float64()).to_numpy(zero_copy_only=False).copy()
    odd = np.flatnonzero(~np.asarray(numeric) & np.asarray(array.is_valid()))
    if len(odd):
        coded = array.take(pa.array(odd)).dictionary_encode()
        codes = np.asarray(coded.indices)
        for code, text in enumerate(coded.dictionary.to_pylist()):
            rows = odd[codes == code]
            plain = text.strip().lower()
            if plain in _INFINITE:
                numbers[rows] = np.inf
            elif plain in _MISSING:
                missing[_MISSING[plain]] += len(rows)
            elif re.fullmatch(_NUMBER[1:-1], plain, re.ASCII):
                numbers[rows] = float(plain)
            else:
                raise place.error(
                    f"{shown(text)} is not a number",
                    row=int(rows[0]) + 1,
                    remedy="write a number with a decimal point, or nothing where the value is missing",
                )
    return _single(numbers), +missing


def _single(numbers: npt.NDArray[Any]) -> Floats:
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as such
        single = numbers.astype(np.float32)
    # one zero and one NaN: equal values must be equal bytes
    single += np.float32(0)
    single[np.isnan(single)] = np.nan
    return single


def _first_valid(array: Any) -> int:
    return first_row(np.asarray(array.is_valid())) if array.null_count < len(array) else 1

"""JSON (an array of records, or columns) and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.telemetry.formats.columns import Columns, chosen_columns
from hostcast.telemetry.place import Place, shown
from hostcast.telemetry.wanted import SERVER, Wanted

__all__ = ["read_json", "read_json_lines"]

_SHAPES = 'an array of records [{"server": ...}, ...] or columns {"server": [...], ...}'


def read_json(data: bytes, wanted: Wanted, file: str) -> Columns:
    """Read an array of records, or columns as lists or as objects by row key (as pandas writes them).

    A record that lacks a key has a missing value there. See `read_file` for the errors.
    """
    try:
        content = _parse(data)
    except json.JSONDecodeError as error:
        hint = "; a file of one record per line is named .jsonl" if error.msg == "Extra data" else ""
        raise HostcastError(
            f"broken JSON in line {error.lineno}, column {error.colno}: {error.msg}",
            file=file,
            remedy=f"correct or write the file again{hint}",
        ) from None
    except (ValueError, RecursionError) as error:
        raise HostcastError(f"broken JSON: {_reason(error)}", file=file, remedy=f"write {_SHAPES}") from None
    if isinstance(content, list):
        for row, record in enumerate(content, 1):
            if not isinstance(record, dict):
                raise HostcastError(
                    f"not a record but {shown(record)}", file=file, row=row, remedy=f"write {_SHAPES}"
                )
        return _from_records(content, wanted, file)
    if isinstance(content, dict):
        return _from_columns(content, wanted, file)
    raise HostcastError(f"holds {shown(content)} where rows should be", file=file, remedy=f"write {_SHAPES}")


def read_json_lines(data: bytes, wanted: Wanted, file: str) -> Columns:
    """Read one record per line; blank lines are no rows. See `read_file` for the errors."""
    records: list[dict[str, Any]] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = _parse(line)
        except (ValueError, RecursionError) as error:
            raise HostcastError(
                f"broken JSON in line {number}: {_reason(error)}",
                file=file,
                row=len(records) + 1,
                remedy="write one whole record per line",
            ) from None
        if not isinstance(record, dict):
            raise HostcastError(
                f"line {number} is not a record but {shown(record)}",
                file=file,
                row=len(records) + 1,
                remedy="write one whole record per line",
            )
        records.append(record)
    return _from_records(records, wanted, file)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _parse(text: bytes) -> Any:
    return json.loads(text, object_pairs_hook=_without_repeats)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # json keeps the last of two equal keys: a value would be lost in silence
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {shown(next(k for k in keys if keys.count(k) > 1))} stands there twice")
    return content


def _from_records(records: list[dict[str, Any]], wanted: Wanted, file: str) -> Columns:
    if not records:
        return Columns({SERVER: pa.nulls(0)}, {}, ())
    present = tuple(dict.fromkeys(key for record in records for key in record))
    chosen = chosen_columns(present, wanted, file)
    arrays = {
        ours: _array([record.get(name) for record in records], Place(file, name))
        for ours, name in chosen.items()
    }
    return Columns(arrays, chosen, present)


def _from_columns(content: Mapping[str, Any], wanted: Wanted, file: str) -> Columns:
    chosen = chosen_columns(list(content), wanted, file)
    # all columns, also those that aren't wanted: a ragged file is a damaged file
    keys: list[str] | range | None = None
    first = ""
    for name, column in content.items():
        if not isinstance(column, (list, dict)):
            raise Place(file, name).error(
                f"holds {shown(column)} where a list of values should be", remedy=f"write {_SHAPES}"
            )
        own = list(column) if isinstance(column, dict) else range(len(column))
        if keys is None:
            keys, first = own, name
        elif keys != own:
            raise Place(file, name).error(
                f"its {len(own)} rows don't match the {len(keys)} of column {shown(first)}",
                remedy="give every column the same rows in the same order",
            )
    arrays = {
        ours: _array(list(column.values() if isinstance(column, dict) else column), Place(file, name))
        for ours, name in chosen.items()
        for column in [content[name]]
    }
    return Columns(arrays, chosen, tuple(content))


def _array(values: list[Any], place: Place) -> Any:
    """A typed array where the values share a type, else text, which is checked later like a CSV's."""
    kinds = set(map(type, values)) - {type(None)}
    for kind in (bool, list, dict):
        if kind in kinds:
            row = next(row for row, value in enumerate(values, 1) if type(value) is kind)
            raise place.error(
                f"holds {shown(values[row - 1])} where a number or text should be",
                row=row,
                remedy="write a number, a text or null",
            )
    if not kinds:
        return pa.nulls(len(values))
    try:
        if kinds == {int}:
            return pa.array(values, pa.int64())
        if kinds <= {int, float}:
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
    except OverflowError:
        pass  # a whole number beyond 64 bits: as text it keeps every digit
    try:
        return pa.array(
            [value if value is None or type(value) is str else repr(value) for value in values],
            pa.large_string(),
        )
    except UnicodeEncodeError:
        raise place.error(
            "holds text that is not valid Unicode (a lone surrogate)", remedy="correct the escapes"
        ) from None

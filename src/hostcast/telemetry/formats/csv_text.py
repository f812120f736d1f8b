"""CSV files: commas or what stands for them, one header row, double quotes (RFC 4180)."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv

from hostcast.errors import HostcastError
from hostcast.telemetry.formats.columns import Columns, chosen_columns
from hostcast.telemetry.wanted import Wanted

__all__ = ["made_header", "read_csv"]

_DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 100_000  # rows held as Python text at a time


def read_csv(data: bytes, wanted: Wanted, file: str) -> Columns:
    """Read the wanted columns as text; rows and fields are held strictly to the header.

    Blank lines are no rows. Where commas don't part the header into the wanted columns, semicolons,
    tabs or bars may. See `read_file` for the errors.
    """
    delimiter, header = _headed(data, wanted, file)
    chosen = chosen_columns(header, wanted, file)
    theirs = list(dict.fromkeys(chosen.values()))
    # Arrow's parser is fast but forgiving about stray quotes: a missing one can swallow whole rows.
    columns = None if b'"' in data else _without_quotes(data, header, theirs, delimiter)
    if columns is None:
        columns = _strict(data, header, theirs, delimiter, file)
    return Columns({ours: columns[name] for ours, name in chosen.items()}, chosen, tuple(header))


def made_header(data: bytes) -> bytes:
    """A line of names, c1, c2 and so on, for text whose first line is a row.

    Semicolons, tabs and bars part fields wherever they are: commas may be decimal.
    """
    first = next((line for line in data.splitlines() if line.strip()), b"")
    delimiter = next((mark for mark in (*_DELIMITERS[1:], ",") if mark.encode() in first), ",")
    try:
        fields = len(next(_rows(first, delimiter), []))
    except csv.Error:
        fields = 1  # whoever reads the row will say so
    return delimiter.join(f"c{place}" for place in range(1, fields + 1)).encode() + b"\n"


def _rows(data: bytes, delimiter: str) -> Iterator[list[str]]:
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    return (row for row in csv.reader(text, strict=True, delimiter=delimiter) if row)


def _headed(data: bytes, wanted: Wanted, file: str) -> tuple[str, list[str]]:
    """What parts the fields, and the names in the header."""
    first: list[str] = []
    broken: csv.Error | None = None
    for delimiter in _DELIMITERS:
        try:
            header = [name.strip() for name in next(_rows(data, delimiter), [])]
        except csv.Error as error:
            broken = broken or error
            continue
        # where files don't name server and time, any other column tells
        keys = wanted.unsaid.keys
        found = [not set(header).isdisjoint(wanted.sources[name]) for name in keys or wanted.metrics]
        if all(found) if keys else any(found):
            return delimiter, header
        first = first or header
    if broken is not None:
        raise HostcastError(
            f"the header is broken: {_reason(broken)}", file=file, remedy="correct its quotes"
        ) from None
    return ",", first


def _without_quotes(
    data: bytes, header: list[str], theirs: Sequence[str], delimiter: str
) -> dict[str, Any] | None:
    """Parse text that holds no quotes; None if a row is broken or there is none."""
    numbered = [f"{position}" for position in range(len(header))]
    included = [numbered[header.index(name)] for name in theirs]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            # names of our own: the header has been read, and may hold what Arrow takes for something else
            read_options=pyarrow.csv.ReadOptions(column_names=numbered, use_threads=True),
            parse_options=pyarrow.csv.ParseOptions(
                quote_char=False, ignore_empty_lines=True, delimiter=delimiter
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(numbered, pa.large_string()),
                include_columns=included,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return {name: table.column(place).slice(1) for name, place in zip(theirs, included, strict=True)}


def _strict(
    data: bytes, header: list[str], theirs: Sequence[str], delimiter: str, file: str
) -> dict[str, Any]:
    positions = [header.index(name) for name in theirs]
    chunks: list[list[Any]] = [[] for _ in theirs]
    rows = _rows(data, delimiter)
    next(rows)
    done = 0
    while batch := list(_whole(itertools.islice(rows, _CHUNK), len(header), done, file)):
        done += len(batch)
        for chunk, position in zip(chunks, positions, strict=True):
            chunk.append(pa.array([row[position] for row in batch], pa.large_string()))
    return {
        name: pa.chunked_array(chunk, pa.large_string()) for name, chunk in zip(theirs, chunks, strict=True)
    }


def _whole(rows: Iterator[list[str]], fields: int, done: int, file: str) -> Iterator[list[str]]:
    row = done
    try:
        for row, values in enumerate(rows, done + 1):
            if len(values) != fields:
                raise HostcastError(
                    f"has {len(values)} field(s) where the header has {fields}",
                    file=file,
                    row=row,
                    remedy="correct the row; a comma within a value, as in 3,14, needs double quotes around "
                    "the value, or semicolons between the fields",
                )
            yield values
    except csv.Error as error:
        raise HostcastError(
            f"a quote is opened and not closed, or stands within a quoted value ({_reason(error)})",
            file=file,
            row=row + 1,
            remedy="close the quote, and double every quote within a quoted value",
        ) from None


def _reason(error: csv.Error) -> str:
    # the reader's own words for what a quote without its partner leads to
    if "field limit" in str(error):
        return f"a value runs over {csv.field_size_limit()} characters: a quote is unbalanced"
    return str(error)

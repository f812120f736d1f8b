"""Files whose first bytes tell another format than their name."""

from __future__ import annotations

import re

from hostcast.errors import HostcastError

__all__ = ["refuse_disguise", "refuse_other_text"]

# first bytes -> format, what it is, what to do
_SIGNATURES = (
    (b"PAR1", "parquet", "a Parquet file", "name it .parquet"),
    (b"\x1f\x8b", "gzip", "gzip data", "add .gz to its name"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd data", "add .zst to its name"),
    (b"\xff\xfe", "utf-16", "UTF-16 text", "save it with UTF-8 encoding"),
    (b"\xfe\xff", "utf-16", "UTF-16 text", "save it with UTF-8 encoding"),
)


_RECORDS = re.compile(rb'\s*\[\s*\{\s*"')
_RECORD = re.compile(rb'\s*\{\s*"')
# a first line of plain names, or names in quotes, with something between them
_COLUMN_NAMES = re.compile(
    rb'\s*("[^"\x00-\x1f]*"|[A-Za-z_][^"\[\]{}:,;|\x00-\x1f]*)[,;|\t][^\[\]{}\x00-\x08\x0a-\x1f]*(\r?\n|\r?$)'
)
_EXPECTED = {"parquet": "Parquet file", "gzip": "gzip data", "zstd": "zstd data"}


def refuse_disguise(data: bytes, expected: str | None, file: str) -> None:
    """Tell a file of another format from a damaged one.

    Args:
        data: the file's bytes, packed or unpacked.
        expected: parquet, gzip or zstd; None for text.

    Raises:
        HostcastError: the first bytes are those of another format.
    """
    for signature, name, what, remedy in _SIGNATURES:
        if name == "utf-16" and expected is None:
            continue
        if name != expected and data.startswith(signature):
            raise HostcastError(f"this is {what}, which its name does not say", file=file, remedy=remedy)
    if expected is not None and any(form.match(data) for form in (_RECORDS, _RECORD, _COLUMN_NAMES)):
        remedy = (
            "name it .csv, .json or .jsonl" if expected == "parquet" else "take the last ending off its name"
        )
        raise HostcastError(
            f"this is text and not the {_EXPECTED[expected]} that its name says", file=file, remedy=remedy
        )


def refuse_other_text(data: bytes, expected: str, file: str) -> None:
    """Tell text of another format from broken text.

    Args:
        data: the text, in UTF-8.
        expected: csv, json or jsonl.

    Raises:
        HostcastError: it begins as text of another format does.
    """
    if expected != "json" and _RECORDS.match(data):
        what, ending = "a JSON array", ".json"
    elif expected == "csv" and _RECORD.match(data):
        several = data.strip().count(b"\n") > 0 and data.lstrip().split(b"\n", 1)[0].rstrip().endswith(b"}")
        what, ending = ("JSON lines", ".jsonl") if several else ("JSON", ".json")
    elif expected != "csv" and _COLUMN_NAMES.match(data):
        what, ending = "CSV text", ".csv"
    else:
        return
    raise HostcastError(f"this is {what}, which its name does not say", file=file, remedy=f"name it {ending}")

"""What every format checks about its column names and its text."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from hostcast.errors import HostcastError

__all__ = ["check_columns", "utf8"]


def check_columns(present: Sequence[str], wanted: Sequence[str], file: str) -> None:
    """Hold a file's column names against the wanted ones.

    Raises:
        HostcastError: a name stands there twice, or a wanted one is missing.
    """
    twice = sorted({name for name in present if present.count(name) > 1})
    if twice:
        raise HostcastError(
            f"{len(twice)} column name(s) stand there more than once",
            file=file,
            column=twice[0],
            remedy="give every column its own name",
        )
    for name in wanted:
        if name not in present:
            hint = ""
            if len(present) == 1 and any(mark in present[0] for mark in ";\t|"):
                hint = " (fields must be separated by commas)"
            listed = ", ".join(repr(column) for column in present[:40])
            raise HostcastError(
                f"there is no such column; there are: {listed}{hint}",
                file=file,
                column=name,
                remedy="map it in prepare.columns (hostcast's name: the file's name), "
                "or ask for other columns in base.target_metrics, prepare.covariates and prepare.static",
            )


def utf8(data: bytes, file: str) -> bytes:
    """The bytes without a byte-order mark, known to be UTF-8.

    Raises:
        HostcastError: the bytes are no UTF-8 text.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise HostcastError(
                f"is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}",
                file=file,
                remedy="save the file with UTF-8 encoding",
            ) from None
    return data

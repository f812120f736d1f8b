"""Text of any encoding -> UTF-8."""

from __future__ import annotations

import codecs

from hostcast.errors import HostcastError

__all__ = ["UTF_8", "as_utf8"]

UTF_8 = "utf-8"
# byte-order mark -> encoding; the first of UTF-32 begins like that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def as_utf8(data: bytes, otherwise: str | None, file: str) -> tuple[bytes, str]:
    """The text in UTF-8 without a byte-order mark, and the encoding it was in.

    Args:
        otherwise: encoding of text that has no byte-order mark and is no UTF-8; None = refuse it.

    Raises:
        HostcastError: the bytes are no text of any of these encodings.
    """
    mark, encoding = next(
        ((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", _unmarked(data))
    )
    data = data.removeprefix(mark)
    if encoding == UTF_8:
        if data.isascii():
            return data, UTF_8
        try:
            data.decode(UTF_8)
            return data, UTF_8
        except UnicodeDecodeError as error:
            if otherwise is None or mark:
                raise _not_utf8(data, error, file) from None
            encoding = otherwise
    try:
        return data.decode(encoding).encode(UTF_8), encoding
    except (UnicodeError, ValueError) as error:
        where = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise HostcastError(
            f"is not {encoding} text{where}", file=file, remedy="save the file with UTF-8 encoding"
        ) from None


def _unmarked(data: bytes) -> str:
    """UTF-16 without a mark shows by every second byte of its beginning being zero."""
    start = data[:64]
    if len(start) >= 8 and not any(start[1::2]) and all(start[0::2]):
        return "utf-16-le"
    if len(start) >= 8 and not any(start[0::2]) and all(start[1::2]):
        return "utf-16-be"
    return UTF_8


def _not_utf8(data: bytes, error: UnicodeDecodeError, file: str) -> HostcastError:
    line = data.count(b"\n", 0, error.start) + 1
    return HostcastError(
        f"is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}",
        file=file,
        remedy="save the file with UTF-8 encoding, or name its encoding in prepare.encoding, e.g. latin-1",
    )

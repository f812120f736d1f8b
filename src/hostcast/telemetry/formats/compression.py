"""Unpacking gzip and zstd, with truncation noticed."""

from __future__ import annotations

import gzip
import zlib

import zstandard

from hostcast.errors import HostcastError

__all__ = ["decompress"]


def decompress(data: bytes, compression: str, file: str) -> bytes:
    """Unpack `data`; several members or frames in a row are one text.

    Raises:
        HostcastError: the data is damaged or ends early.
    """
    try:
        return gzip.decompress(data) if compression == "gzip" else _zstd(data)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise HostcastError(
            f"damaged or truncated {compression} data: {error}",
            file=file,
            remedy="copy or compress the file again",
        ) from None


def _zstd(data: bytes) -> bytes:
    # The one-shot and stream interfaces take a truncated frame for the end of the data; this one tells.
    parts = []
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        parts.append(frame.decompress(data))
        if not frame.eof:
            raise EOFError("ends in the middle of a frame")
        data = frame.unused_data
    return b"".join(parts)

"""Files whose first bytes tell another format than their name."""

from __future__ import annotations

from hostcast.errors import HostcastError

__all__ = ["refuse_disguise"]

# first bytes -> format, what it is, what to do
_SIGNATURES = (
    (b"PAR1", "parquet", "a Parquet file", "name it .parquet"),
    (b"\x1f\x8b", "gzip", "gzip data", "add .gz to its name"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd data", "add .zst to its name"),
    (b"\xff\xfe", "utf-16", "UTF-16 text", "save it with UTF-8 encoding"),
    (b"\xfe\xff", "utf-16", "UTF-16 text", "save it with UTF-8 encoding"),
)


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

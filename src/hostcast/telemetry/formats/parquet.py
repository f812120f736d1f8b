"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from hostcast.errors import HostcastError
from hostcast.telemetry.formats.columns import Columns, chosen_columns
from hostcast.telemetry.wanted import Wanted

__all__ = ["damaged_parquet", "read_parquet", "see_types"]


def read_parquet(data: bytes, wanted: Wanted, file: str) -> Columns:
    """Read the wanted columns only; see `read_file` for the errors."""
    try:
        source = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        present = tuple(source.schema_arrow.names)
        chosen = chosen_columns(present, wanted, file)
        see_types(source.schema_arrow, chosen.values())
        table = source.read(columns=list(dict.fromkeys(chosen.values())))
        # text from a foreign writer need not be UTF-8, and would fail much later
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged_parquet(error, file) from None
    return Columns({ours: table.column(name) for ours, name in chosen.items()}, chosen, present)


def see_types(schema: pa.Schema, names: Iterable[str]) -> None:
    """Read the time zones of columns: one that is damaged would fail much later.

    Raises:
        UnicodeDecodeError: one is no text.
    """
    for name in names:
        getattr(schema.field(name).type, "tz", None)


def damaged_parquet(error: Exception, file: str) -> HostcastError:
    """The error to raise for what Arrow can't read."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    # Arrow quotes what it stumbled over
    shown = "".join(c if c.isprintable() else "?" for c in reason[:300])
    return HostcastError(
        f"damaged, truncated or no Parquet: {shown}", file=file, remedy="copy or write the file again"
    )

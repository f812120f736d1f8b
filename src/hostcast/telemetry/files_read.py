"""What became of each telemetry file, and whether the files together hold what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostcast.errors import HostcastError
from hostcast.telemetry.discovery import label_of
from hostcast.telemetry.formats.columns import no_such_column
from hostcast.telemetry.formats.reading import RawFile
from hostcast.telemetry.wanted import Wanted

__all__ = ["Skipped", "described", "refuse_lacking"]


@dataclass(frozen=True)
class Skipped:
    """A file that was passed over (`prepare.on_bad_file: skip`), and why."""

    name: str
    reason: str

    @classmethod
    def because(cls, error: HostcastError, path: Path) -> Skipped:
        """Make a note of the error that a file met with."""
        place = [
            f"{label} {value}" for label, value in (("column", error.column), ("row", error.row)) if value
        ]
        return cls(label_of(path), ": ".join([*([", ".join(place)] if place else []), error.problem]))


def described(raw: RawFile, wanted: Wanted) -> dict[str, Any]:
    """The file's entry in the quality report."""
    return {
        "name": raw.label,
        "format": raw.format,
        "encoding": raw.encoding,
        "rows": raw.rows,
        "sha256": raw.sha256,
        "lacks": [name for name in (*wanted.metrics, *wanted.static) if name not in raw.chosen],
    }


def refuse_lacking(read: Sequence[RawFile], skipped: Sequence[Skipped], wanted: Wanted) -> None:
    """A column may be missing in some files, not in all.

    Raises:
        HostcastError: no file has a wanted column, or every file was skipped.
    """
    if not read:
        raise HostcastError(
            f"every one of {len(skipped)} file(s) was skipped, this one because: {skipped[0].reason}",
            file=skipped[0].name,
            remedy="repair the files, or correct prepare.path and prepare.columns",
        )
    for name in (*wanted.metrics, *wanted.static):
        if not any(name in raw.chosen for raw in read):
            raise no_such_column(name, read[0].present, wanted, read[0].label)

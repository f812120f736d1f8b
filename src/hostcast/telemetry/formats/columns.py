"""Which of a file's columns are read, whatever its format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.telemetry.wanted import Wanted, total_of

__all__ = ["Columns", "chosen_columns", "no_such_column"]


@dataclass(frozen=True)
class Columns:
    """A file's wanted columns as they were written.

    Attributes:
        arrays: hostcast's name -> Arrow array, all of one length.
        chosen: hostcast's name -> the file's.
        present: names of all the file's columns.
        encoding: of text, None for Parquet.
        told: what the source has to say on the rows up to here, JSON-able.
    """

    arrays: Mapping[str, Any]
    chosen: Mapping[str, str]
    present: tuple[str, ...]
    encoding: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.arrays.values())))

    def complete(self, wanted: Wanted) -> Columns:
        """With all wanted columns: those that the file lacks hold nothing."""
        lacking = {name: pa.nulls(self.rows) for name in wanted.sources if name not in self.arrays}
        return replace(self, arrays={**self.arrays, **lacking})


def chosen_columns(present: Sequence[str], wanted: Wanted, file: str) -> dict[str, str]:
    """Find the wanted columns among a file's: hostcast's name -> the file's.

    A metric or static column that this file lacks is left out: another file may have it.

    Raises:
        HostcastError: a name stands there twice, a column goes by two of its names, or the server,
            the timestamp or all metrics are missing.
    """
    twice = sorted(name for name, count in Counter(present).items() if count > 1)
    if twice:
        raise HostcastError(
            f"{len(twice)} column name(s) stand there more than once",
            file=file,
            column=twice[0],
            remedy="give every column its own name",
        )
    chosen: dict[str, str] = {}
    for name, sources in wanted.sources.items():
        found = [source for source in sources if source in present]
        if len(found) > 1:
            raise HostcastError(
                f"is there beside {', '.join(map(repr, found[1:]))}, and prepare.columns.{name} takes "
                "either of them",
                file=file,
                column=found[0],
                remedy=f"name the one to read in prepare.columns.{name}, or remove the other",
            )
        if found:
            chosen[name] = found[0]
    for name in wanted.totals:
        # a share can't be told without its total
        if total_of(name) not in chosen:
            chosen.pop(name, None)
    for name in wanted.unsaid.keys:
        if name not in chosen:
            raise no_such_column(name, present, wanted, file)
    if not any(name in chosen for name in wanted.metrics):
        raise no_such_column(wanted.metrics[0], present, wanted, file)
    return chosen


def no_such_column(name: str, present: Sequence[str], wanted: Wanted, file: str) -> HostcastError:
    """The error to raise for a wanted column that is not there."""
    total = total_of(name)
    lacking = total if name in wanted.totals and any(s in present for s in wanted.sources[name]) else name
    listed = ", ".join(name if len(name) <= 82 else f"{name[:80]}..." for name in map(repr, present[:40]))
    return HostcastError(
        f"there is no such column; there are: {listed}",
        file=file,
        column=wanted.source_names[lacking],
        remedy="map it in prepare.columns (hostcast's name: the file's name), "
        "or ask for other columns in base.target_metrics, prepare.covariates and prepare.static",
    )

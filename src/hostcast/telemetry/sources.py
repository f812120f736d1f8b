"""Where rows come from: files, Prometheus, or the simulator."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.files import sha256_of
from hostcast.params import Params
from hostcast.parts import Pool, digest_of
from hostcast.telemetry.discovery import find_files, format_of, label_of
from hostcast.telemetry.formats import Stretch, Unread, read_stretch, stretches_of
from hostcast.telemetry.formats.columns import no_such_column
from hostcast.telemetry.observations import Block, typed_block
from hostcast.telemetry.place import shown
from hostcast.telemetry.survey import Survey
from hostcast.telemetry.unsaid import Unsaid
from hostcast.telemetry.wanted import Wanted

__all__ = ["Input", "Source", "file_source", "source_of"]


@dataclass(frozen=True)
class Input:
    """A file, some of what was pulled, or rows in memory.

    Attributes:
        name: in reports.
        format: of a file.
        sha256: of its bytes.
        stretches: what to read.
        told: what decides its rows beside its bytes: where it has no server or time, its name does.
    """

    name: str
    format: str
    sha256: str
    stretches: Sequence[Stretch | Unread | Block]
    told: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Two inputs of the same format and identity hold the same rows."""
        return digest_of([self.sha256, *self.told]) if self.told else self.sha256


@dataclass(frozen=True)
class Source:
    """All that is to be read.

    Attributes:
        kind: the value of `prepare.source`.
        inputs: in the order read.
        ignored: files passed over.
        lasting: whether inputs can be told apart by their digests, so that work on them may be kept.
        noise_floor: the truth behind simulated telemetry.
    """

    kind: str
    inputs: list[Input]
    ignored: list[str] = field(default_factory=list)
    lasting: bool = True
    noise_floor: pd.DataFrame | None = None

    @property
    def name(self) -> str | None:
        """In messages; None if it is no file."""
        if self.kind == "simulate":
            return None
        first = self.inputs[0].name
        return first if len(self.inputs) == 1 else f"{first} and {len(self.inputs) - 1} more"

    def origin(
        self, surveys: Mapping[int, Survey], faults: Mapping[int, HostcastError], wanted: Wanted
    ) -> dict[str, Any]:
        """For the quality report.

        Args:
            surveys: of the inputs that were read, by number.
            faults: what was wrong with the others.
            wanted: the columns.
        """
        listed = [] if self.kind == "simulate" else list(enumerate(self.inputs))
        columns = (*wanted.metrics, *wanted.static)
        return {
            "source": self.kind,
            "files": [
                {
                    "name": each.name,
                    "format": each.format,
                    "encoding": surveys[number].encoding,
                    "rows": surveys[number].read,
                    "sha256": each.sha256,
                    "lacks": [name for name in columns if name not in surveys[number].holds],
                }
                for number, each in listed
                if number in surveys
            ],
            "skipped_files": [
                {"name": each.name, "reason": _reason(faults[number])}
                for number, each in listed
                if number in faults
            ],
            "ignored_files": self.ignored,
        }

    def refuse_lacking(
        self, surveys: Mapping[int, Survey], faults: Mapping[int, HostcastError], wanted: Wanted
    ) -> None:
        """A column may be missing in some inputs, not in all; see `origin` for the arguments.

        Raises:
            HostcastError: no input has a wanted column, or every one was skipped.
        """
        if not surveys:
            first = min(faults)
            raise HostcastError(
                f"each of {len(faults)} file(s) was skipped, this one because: {_reason(faults[first])}",
                file=self.inputs[first].name,
                remedy="repair the files, or correct prepare.path and prepare.columns",
            )
        for name in (*wanted.metrics, *wanted.static):
            if not any(name in survey.holds for survey in surveys.values()):
                first = min(surveys)
                raise no_such_column(name, surveys[first].present, wanted, self.inputs[first].name)


def _reason(error: HostcastError) -> str:
    place = [f"{label} {value}" for label, value in (("column", error.column), ("row", error.row)) if value]
    return ": ".join([*([", ".join(place)] if place else []), error.problem])


def source_of(params: Params, wanted: Wanted, pool: Pool) -> Source:
    """What `prepare.source` says.

    Raises:
        HostcastError: there is nothing to read.
    """
    if params.prepare.source == "prometheus":
        # requests is slow to import, and other sources need none of it
        from hostcast.telemetry.prometheus import pull

        return pull(params, wanted)
    if params.prepare.source == "files":
        found = find_files(params.prepare.path, wanted.unsaid.endings)
        return file_source("files", found.files, pool, found.ignored, wanted=wanted)
    return _simulated(params, wanted)


def file_source(
    kind: str,
    files: Sequence[Path],
    pool: Pool,
    ignored: Sequence[Path] = (),
    *,
    wanted: Wanted | None = None,
) -> Source:
    """Files of known formats, in the order given.

    Args:
        kind: the value of `prepare.source`.
        files: to read.
        pool: who looks at them.
        ignored: passed over.
        wanted: what is asked of files that don't say it all; None = they do.
    """
    unsaid = Unsaid() if wanted is None else wanted.unsaid
    inputs = list(pool.each_in_order(partial(_input, unsaid), files))
    if wanted is not None and unsaid.time == "row_number":
        inputs = _one_after_another(inputs, files, wanted)
    return Source(kind, inputs, [label_of(path) for path in ignored])


def _one_after_another(inputs: Sequence[Input], files: Sequence[Path], wanted: Wanted) -> list[Input]:
    """Inputs that know how many rows of their server came before them."""
    names = [wanted.unsaid.server_of(path) for path in files]
    left = Counter(names)
    before: Counter[str] = Counter()
    placed = []
    for own, name in zip(inputs, names, strict=True):
        rows = before[name]
        stretches = [replace(each, rows_before=rows) for each in own.stretches if isinstance(each, Stretch)]
        placed.append(replace(own, stretches=stretches, told=(*own.told, str(rows))))
        left[name] -= 1
        if left[name]:
            # counted only where another file goes on from there
            before[name] += _rows_of(stretches, wanted, name)
    return placed


def _rows_of(stretches: Sequence[Stretch], wanted: Wanted, server: str) -> int:
    try:
        return sum(block.columns.rows for each in stretches for block in read_stretch(each, wanted))
    except HostcastError as error:
        raise HostcastError(
            error.problem,
            file=error.file,
            column=error.column,
            row=error.row,
            remedy=f"{error.remedy}; prepare.on_bad_file can't pass it over, as the next file of server "
            f"{shown(server)} goes on where this one ends",
        ) from None


def _input(unsaid: Unsaid, path: Path) -> Input:
    known = format_of(path, unsaid.endings)
    assert known is not None, "discovery passes known formats only"
    try:
        digest = sha256_of(path)
    except OSError:
        digest = ""  # whoever reads it will say so
    told = (unsaid.server_of(path),) if unsaid.server_from_name else ()
    return Input(label_of(path), known[0], digest, stretches_of(path, unsaid.endings), told)


def _simulated(params: Params, wanted: Wanted) -> Source:
    # the simulator is heavier than telemetry from files needs
    from hostcast.telemetry.simulation import simulate_fleet

    simulation = simulate_fleet(params.prepare.simulate, step=params.base.step, seed=params.base.random_seed)
    raw = simulation.telemetry
    for name in wanted.in_source:
        if name not in raw.columns:
            raise HostcastError(
                "the simulated fleet has no such column; it has: " + ", ".join(map(repr, raw.columns)),
                column=name,
                remedy="name simulated columns in base.target_metrics, prepare.covariates and "
                "prepare.static, or set prepare.source: files",
            )
    table = pa.Table.from_pandas(raw[list(wanted.in_source)], preserve_index=False)
    columns = {name: table.column(sources[0]) for name, sources in wanted.sources.items()}
    block = typed_block(columns, wanted, file=None, timezone="UTC")
    inputs = [Input("the simulated fleet", "", hashlib.sha256(b"").hexdigest(), [block])]
    return Source("simulate", inputs, lasting=False, noise_floor=simulation.truth)

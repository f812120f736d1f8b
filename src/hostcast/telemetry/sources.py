"""Where rows come from: files, or the simulator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.files import sha256_of
from hostcast.params import Params
from hostcast.parts import Pool
from hostcast.telemetry.discovery import find_files, format_of, label_of
from hostcast.telemetry.formats import Stretch, stretches_of
from hostcast.telemetry.observations import Block, typed_block
from hostcast.telemetry.wanted import Wanted

__all__ = ["Input", "Source", "file_source", "source_of"]


@dataclass(frozen=True)
class Input:
    """A file, or rows in memory.

    Attributes:
        name: in reports.
        format: of a file.
        sha256: of its bytes; two inputs of the same name and digest hold the same rows.
        stretches: what to read.
    """

    name: str
    format: str
    sha256: str
    stretches: Sequence[Stretch | Block]


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

    def origin(self, rows: Sequence[int]) -> dict[str, Any]:
        """For the quality report; `rows` counts those of each input."""
        listed = [] if self.kind == "simulate" else list(enumerate(self.inputs))
        return {
            "source": self.kind,
            "files": [
                {"name": each.name, "format": each.format, "rows": rows[number], "sha256": each.sha256}
                for number, each in listed
            ],
            "ignored_files": self.ignored,
        }


def source_of(params: Params, wanted: Wanted, pool: Pool) -> Source:
    """What `prepare.source` says.

    Raises:
        HostcastError: there is nothing to read.
    """
    if params.prepare.source == "files":
        found = find_files(params.prepare.path)
        return file_source("files", found.files, pool, found.ignored)
    return _simulated(params, wanted)


def file_source(kind: str, files: Sequence[Path], pool: Pool, ignored: Sequence[Path] = ()) -> Source:
    """Files of known formats, in the order given.

    Raises:
        HostcastError: a file can't be read.
    """
    return Source(kind, list(pool.each_in_order(_input, files)), [label_of(path) for path in ignored])


def _input(path: Path) -> Input:
    known = format_of(path)
    assert known is not None, "discovery passes known formats only"
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise HostcastError(
            f"can't be read: {error.strerror}",
            file=label_of(path),
            remedy="check the file and its permissions",
        ) from None
    return Input(label_of(path), known[0], digest, stretches_of(path))


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
    columns = {name: table.column(name) for name in wanted.in_source}
    block = typed_block(columns, wanted, file=None, timezone="UTC")
    inputs = [Input("the simulated fleet", "", hashlib.sha256(b"").hexdigest(), [block])]
    return Source("simulate", inputs, lasting=False, noise_floor=simulation.truth)

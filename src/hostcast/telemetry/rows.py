"""The rows of a source, each input read as rarely as can be."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

import hostcast.params
import hostcast.telemetry
from hostcast.params import Params
from hostcast.params.lengths import length_of
from hostcast.parts import PartCache, Pool, code_digest, digest_of, row_bar
from hostcast.telemetry.intake import Intake, Reading, take_in
from hostcast.telemetry.runs import Run
from hostcast.telemetry.sources import Source
from hostcast.telemetry.survey import Survey
from hostcast.telemetry.wanted import Wanted

__all__ = ["Rows"]

# of section prepare, what decides neither how rows are read nor how they are cleaned
_LATER = {"source", "path", "prometheus", "engine", "simulate", "min_rows", "on_empty_server", "on_bad_file"}
# what clocks may differ by where the params set no limit: nothing is parted by more
_ALL_TIME = 1 << 62


class Rows:
    """Puts rows aside: at first those of inputs that the cache does not know, later others as needed.

    Args:
        source: what to read.
        params: sections base, prepare and runtime.
        wanted: the columns.
        step_micros: length of a step.
        cache: of what is known.
        workshop: folder for rows put aside.
        pool: who reads.

    Attributes:
        key: of all but the inputs that decides what is read and how it is cleaned.
        surveys: of each input that is not faulty, by number.
        faults: what was wrong with the others, where they may be passed over.
        skew: what parts spans of time in the surveys, microseconds.

    Raises:
        HostcastError: see `take_in`.
    """

    def __init__(
        self,
        source: Source,
        params: Params,
        wanted: Wanted,
        step_micros: int,
        cache: PartCache,
        workshop: Path,
        pool: Pool,
    ) -> None:
        self.source = source
        self._pool = pool
        self._shown = params.runtime.progress
        limit = params.prepare.max_clock_skew
        self.skew = _ALL_TIME if limit is None else length_of(limit) // pd.Timedelta(1, "us")
        self._reading = Reading(
            wanted,
            params.prepare.timezone,
            step_micros,
            workshop,
            self.skew,
            skip=params.prepare.on_bad_file == "skip" and source.kind == "files",
        )
        content = params.prepare.model_dump(mode="json", exclude=_LATER)
        code = code_digest(
            Path(str(package.__file__)).parent for package in (hostcast.telemetry, hostcast.params)
        )
        self.key = digest_of([code, content, params.base.freq, list(wanted.targets)])
        known: dict[int, Survey] = {}
        for number in range(len(source.inputs)):
            noted = cache.note(self._survey_key(number))
            if noted is not None:
                known[number] = Survey.from_dict(noted)
        self._new = self._read([n for n in range(len(source.inputs)) if n not in known], None)
        for number, survey in self._new.surveys.items():
            cache.keep(self._survey_key(number), survey.to_dict())
        self.surveys = {**known, **self._new.surveys}
        self.faults = self._new.faults
        self._again: Path | None = None

    def of(self, wanted: Mapping[str, frozenset[int]]) -> list[Run]:
        """Rows of some servers and stretches of time, and perhaps others; the next call removes them."""
        if self._again is not None:
            shutil.rmtree(self._again)
            self._again = None
        old = [
            number
            for number in sorted(self.surveys.keys() - self._new.surveys.keys())
            if any(
                not wanted[name].isdisjoint(rows.chunks)
                for name, rows in self.surveys[number].servers.items()
                if name in wanted
            )
        ]
        if not old:
            return self._new.runs
        self._again = self._reading.folder / "again"
        return [*self._new.runs, *self._read(old, wanted).runs]

    def _survey_key(self, number: int) -> str:
        each = self.source.inputs[number]
        return digest_of(["survey", self.key, each.format, each.identity])

    def _read(self, numbers: Sequence[int], only: Mapping[str, frozenset[int]] | None) -> Intake:
        folder = self._reading.folder / ("rows" if only is None else "again")
        folder.mkdir()
        inputs = {number: self.source.inputs[number].stretches for number in numbers}
        # what was in order at first must not be passed over later
        reading = replace(self._reading, folder=folder, skip=self._reading.skip and only is None)
        with row_bar("reading", None, shown=self._shown) as bar:
            return take_in(inputs, reading, self._pool, only=only, note=bar.update)

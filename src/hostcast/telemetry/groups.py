"""From the rows put aside to the parts of one group of servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.parts import CHUNK_STEPS, Layout, Part, PartCache, PartFile, digest_of, part_table, write_part
from hostcast.telemetry.cleaning import Cleaned, clean
from hostcast.telemetry.counters import Rates, rates
from hostcast.telemetry.observations import static_value
from hostcast.telemetry.runs import Run
from hostcast.telemetry.selection import fit, stray_time, typical
from hostcast.telemetry.suspicion import Suspects
from hostcast.telemetry.units import COUNTS, ColumnSums, UnitFacts, fill
from hostcast.telemetry.values import single
from hostcast.telemetry.wanted import Wanted

__all__ = ["Group", "GroupFacts", "GroupResult", "GroupWork"]

Ints = npt.NDArray[np.int64]

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Group:
    """Servers that share parts.

    Attributes:
        names: sorted.
        keys: for each stretch of time with rows, the key of all that decides what cleaning finds in it.
        texts: for each static column, each server's texts.
        rows: as read.
        cutoffs: for servers whose clocks went wrong, the time from which they are not believed.
        history: whether a stretch of time takes the rows of all before it, as counters do.
    """

    names: list[str]
    keys: Mapping[int, str]
    texts: Mapping[str, Mapping[str, Set[str]]]
    rows: int
    cutoffs: Mapping[str, int]
    history: bool

    def read_for(self, chunks: Set[int]) -> frozenset[int]:
        """Stretches of time whose rows are needed to clean some of them."""
        return frozenset(k for k in self.keys if k <= max(chunks)) if self.history else frozenset(chunks)


@dataclass(frozen=True)
class GroupFacts:
    """What cleaning found in a group, over all times.

    Attributes:
        observed, filled: steps of each server, see `UnitFacts`.
        first, last: each server's first and last observed step; meaningless where none is.
        gap: most steps in a row without an observation.
        apart: each server's distances between one observation and the next, and how often each occurs.
        counts: `COUNTS`, see `UnitFacts`.
        suspects: (server, metric, kind), see `Suspects`.
    """

    observed: Ints
    filled: Ints
    first: Ints
    last: Ints
    gap: Ints
    apart: list[Counter[int]]
    counts: Mapping[str, Counter[str]]
    suspects: Sequence[tuple[int, str, str]]

    @classmethod
    def of(cls, servers: int, units: Mapping[int, UnitFacts]) -> GroupFacts:
        """Put together what was found in each stretch of time."""
        observed, filled, first, last, gap = (np.zeros(servers, np.int64) for _ in range(5))
        apart: list[Counter[int]] = [Counter() for _ in range(servers)]
        counts: dict[str, Counter[str]] = {kind: Counter() for kind in COUNTS}
        for _, unit in sorted(units.items()):
            for kind, total in counts.items():
                total.update(getattr(unit, kind))
            for place, steps, often in unit.apart:
                apart[place][steps] += often
            for row, place in enumerate(unit.servers):
                if observed[place]:
                    apart[place][unit.first[row] - int(last[place])] += 1
                else:
                    first[place] = unit.first[row]
                last[place] = unit.last[row]
                observed[place] += unit.observed[row]
                filled[place] += unit.filled[row]
        for place, own in enumerate(apart):
            own[1] += max(int(observed[place]) - 1, 0) - own.total()
            gap[place] = max(own, default=1) - 1
        suspects = Suspects.agreed([unit.suspects for unit in units.values()])
        return cls(observed, filled, first, last, gap, [+own for own in apart], counts, suspects)


@dataclass(frozen=True)
class GroupResult:
    """A group's parts, as far as they could be made.

    Attributes:
        facts: what cleaning found.
        layout: of the kept servers; None if there are none, or the parts are still to be made.
        parts: for each part of the layout its key in the cache and the file there.
        sums: statistics of the kept servers.
        static: for each static column, the kept servers' texts.
        lacking: stretches of time whose rows are needed to make a part.
        sparse: whether rows typically lie several steps apart: the parts wait for a look at all groups.
        errors: what is wrong, to be raised unless something more general is.
    """

    facts: GroupFacts
    layout: Layout | None = None
    parts: list[tuple[str, PartFile]] = field(default_factory=list)
    sums: ColumnSums | None = None
    static: Mapping[str, list[str]] = field(default_factory=dict)
    lacking: frozenset[int] = frozenset()
    sparse: bool = False
    errors: list[tuple[tuple[int, int, str], HostcastError]] = field(default_factory=list)


@dataclass(frozen=True)
class _Unit:
    """A stretch of time, cleaned."""

    cleaned: Cleaned
    facts: UnitFacts


@dataclass(frozen=True)
class GroupWork:
    """How groups are worked on; one at a time per thread.

    Attributes:
        params: sections base and prepare are read.
        wanted: the columns.
        step_micros: length of a step.
        cache: of finished units.
        runs: rows put aside.
    """

    params: Params
    wanted: Wanted
    step_micros: int
    cache: PartCache
    runs: Sequence[Run]

    def result(self, group: Group, chunks: Set[int], *, even_sparse: bool) -> GroupResult:
        """Make the parts.

        Args:
            group: the servers.
            chunks: stretches of time whose rows are among `runs`.
            even_sparse: make them even if rows lie several steps apart.
        """
        cleaned = self._cleaned(group, chunks)
        units: dict[int, UnitFacts] = {}
        for chunk, key in group.keys.items():
            noted = None if chunk in cleaned else self.cache.note(key)
            if noted is not None:
                units[chunk] = UnitFacts.from_dict(noted)
            elif chunk in cleaned:
                units[chunk] = cleaned[chunk].facts
                self.cache.keep(key, units[chunk].to_dict())
        facts = GroupFacts.of(len(group.names), units)
        if len(units) < len(group.keys):
            return GroupResult(facts, lacking=frozenset(group.keys) - frozenset(units))
        kept = [
            place
            for place in range(len(group.names))
            if fit(facts.observed[place], facts.filled[place], self.params.prepare.min_rows)
        ]
        if not kept:
            return GroupResult(facts)
        static, errors = self._static(group, kept)
        for place in kept:
            stray = stray_time(
                group.names[place],
                facts.first[place],
                facts.last[place],
                facts.observed[place],
                self.step_micros,
            )
            if stray is not None:
                errors.append(((1, 0, group.names[place]), stray))
        if errors:
            return GroupResult(facts, errors=errors)
        if typical(sum(facts.apart, Counter())) > 1 and not even_sparse:
            return GroupResult(facts, sparse=True)
        found = {chunk: unit.cleaned for chunk, unit in cleaned.items()}
        return self._laid_out(group, facts, kept, static, found)

    def _cleaned(self, group: Group, chunks: Set[int]) -> dict[int, _Unit]:
        if not chunks:
            return {}
        needed = group.read_for(chunks)
        place = {name: code for code, name in enumerate(group.names)}
        codes, times, values, readings = [], [], [], []
        for run in self.runs:
            if run.chunks[1] < min(needed) or run.chunks[0] > max(needed):
                continue
            names, counts, micros, numbers, counters = run.of(group.names[0], group.names[-1])
            if len(micros):
                codes.append(np.repeat([place[name] for name in names], counts))
                times.append(micros)
                values.append(numbers)
                readings.append(counters)
        if not codes:
            return {}
        server, when, rows = np.concatenate(codes), np.concatenate(times), np.concatenate(values)
        found = self._rates(server, when, rows, np.concatenate(readings))
        # a unit after the other, and in it a server after the other
        length = CHUNK_STEPS * self.step_micros
        low = int(when.min()) // length
        servers = len(group.names)
        key = (np.floor_divide(when, length) - low) * servers + server
        narrow = key.astype(np.uint16 if int(key.max()) < 1 << 16 else np.uint32)
        if (narrow[1:] < narrow[:-1]).any():
            order = np.argsort(narrow, kind="stable")
            narrow, server, when = narrow.take(order), server.take(order), when.take(order)
            rows = rows.take(order, axis=0)
            found = {name: rate.of(order) for name, rate in found.items()}
        cutoff = None
        if group.cutoffs:
            cutoff = np.array([group.cutoffs.get(name, _NEVER) for name in group.names], np.int64)
        cleaned = {}
        for chunk in sorted(chunks):
            edges = np.array([chunk - low, chunk - low + 1]) * servers
            begin, end = np.searchsorted(narrow, edges).tolist() if edges[1] > 0 else (0, 0)
            if begin < end:
                own = slice(begin, end)
                result = clean(
                    server[own],
                    when[own],
                    rows[own],
                    self.wanted.metrics,
                    self.params.prepare.ranges,
                    self.step_micros,
                    counters=self.wanted.counters,
                    cutoff=cutoff,
                )
                counted = {name: rate.counted(own) for name, rate in found.items()}
                facts = UnitFacts.of(result, len(self.wanted.targets), counted)
                cleaned[chunk] = _Unit(result, facts)
        return cleaned

    def _rates(
        self, server: Ints, micros: Ints, values: npt.NDArray[np.float32], readings: npt.NDArray[np.float64]
    ) -> dict[str, Rates]:
        """Each counter's rates, which also take their place among the values."""
        found = {}
        for place, name in enumerate(self.wanted.counters):
            found[name] = rates(server, micros, readings[:, place])
            values[:, self.wanted.metrics.index(name)] = single(found[name].values)
        return found

    def _static(
        self, group: Group, kept: Sequence[int]
    ) -> tuple[dict[str, list[str]], list[tuple[tuple[int, int, str], HostcastError]]]:
        found: dict[str, list[str]] = {}
        errors = []
        for number, column in enumerate(self.wanted.static):
            found[column] = []
            for place in kept:
                name = group.names[place]
                try:
                    texts = group.texts.get(column, {}).get(name, set())
                    found[column].append(static_value(name, texts, self.wanted.source_names[column]))
                except HostcastError as error:
                    errors.append(((0, number, name), error))
        return found, errors

    def _laid_out(
        self,
        group: Group,
        facts: GroupFacts,
        kept: Sequence[int],
        static: Mapping[str, list[str]],
        cleaned: Mapping[int, Cleaned],
    ) -> GroupResult:
        layout = Layout(
            servers=[group.names[place] for place in kept],
            first=facts.first[kept],
            rows=facts.last[kept] - facts.first[kept] + 1,
            groups=np.array([0, len(kept)]),
            step_micros=self.step_micros,
        )
        sums = ColumnSums.none(len(kept), len(self.wanted.metrics))
        parts, lacking = [], set()
        for part in layout.parts:
            texts = {name: [column[piece.server] for piece in part.pieces] for name, column in static.items()}
            key = self._part_key(group, layout, part, texts)
            made = self.cache.part(key)
            if made is None and part.chunk in group.keys and part.chunk not in cleaned:
                lacking.add(part.chunk)
                continue
            if made is None:
                values = fill(cleaned.get(part.chunk), kept, layout, part, len(self.wanted.metrics))
                made = self._written(key, layout, part, values, texts)
            file, noted = made
            parts.append((key, file))
            sums.add(ColumnSums.from_dict(noted), [piece.server for piece in part.pieces])
        if lacking:
            return GroupResult(facts, lacking=frozenset(lacking))
        return GroupResult(facts, layout, parts, sums, static)

    def _written(
        self,
        key: str,
        layout: Layout,
        part: Part,
        values: npt.NDArray[np.float32],
        texts: Mapping[str, Sequence[str]],
    ) -> tuple[PartFile, dict[str, Any]]:
        metrics = self.wanted.metrics
        numbers = {name: np.ascontiguousarray(values[:, place]) for place, name in enumerate(metrics)}
        table = part_table(layout, part, numbers, texts, [*metrics, *self.wanted.static])
        file = write_part(self.cache.path(key), table, counted=True)
        note = ColumnSums.of(values, [piece.count for piece in part.pieces]).to_dict()
        self.cache.keep_part(key, file, note)
        return file, note

    def _part_key(self, group: Group, layout: Layout, part: Part, texts: Mapping[str, Sequence[str]]) -> str:
        begin = [int(layout.first[piece.server]) + piece.offset for piece in part.pieces]
        return digest_of(
            [
                "part",
                group.keys.get(part.chunk),
                [layout.servers[piece.server] for piece in part.pieces],
                begin,
                [piece.count for piece in part.pieces],
                texts,
            ]
        )

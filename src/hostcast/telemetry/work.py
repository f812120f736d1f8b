"""All groups of servers, of which only those are worked on that the last run didn't finish."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.parts import Layout, PartCache, PartFile, Pool, digest_of, group_bounds, row_bar
from hostcast.telemetry.clock import cutoffs
from hostcast.telemetry.groups import Group, GroupResult, GroupWork
from hostcast.telemetry.rows import Rows
from hostcast.telemetry.selection import check_spacing
from hostcast.telemetry.sources import Source
from hostcast.telemetry.survey import Survey
from hostcast.telemetry.wanted import Wanted

__all__ = ["Gathered", "gather"]


@dataclass(frozen=True)
class Gathered:
    """What was read and made of it.

    Attributes:
        survey: of all rows.
        surveys: of each input that was read, by number.
        faults: what was wrong with those that were passed over.
        groups: the servers.
        results: for each group.
    """

    survey: Survey
    surveys: Mapping[int, Survey]
    faults: Mapping[int, HostcastError]
    groups: list[Group]
    results: list[GroupResult]

    def files(self, layout: Layout) -> Iterator[tuple[str, PartFile]]:
        """Each part's key in the cache, and the file that it is to be."""
        made = [part for result in self.results for part in result.parts]
        for part, (key, file) in zip(layout.parts, made, strict=True):
            yield key, PartFile(part.name, file.sha256, file.bytes)


def gather(
    source: Source,
    params: Params,
    wanted: Wanted,
    step_micros: int,
    cache: PartCache,
    workshop: Path,
    pool: Pool,
) -> Gathered:
    """Read what is new, and work on the groups that it touches.

    Args:
        source: what to read.
        params: sections base, prepare and runtime.
        wanted: the columns.
        step_micros: length of a step.
        cache: of finished work.
        workshop: folder for rows put aside.
        pool: who does the work.

    Raises:
        HostcastError: see `take_in`, `check_spacing` and `Source.refuse_lacking`.
    """
    rows = Rows(source, params, wanted, step_micros, cache, workshop, pool)
    source.refuse_lacking(rows.surveys, rows.faults, wanted)
    surveys = dict(sorted(rows.surveys.items()))
    survey = Survey.merged(surveys.values(), rows.skew)
    wrong = cutoffs(
        {name: own.spans for name, own in survey.servers.items()},
        None if params.prepare.max_clock_skew is None else rows.skew,
    )
    groups = list(_groups(survey, surveys, source, rows.key, wrong, history=bool(wanted.counters)))
    results: dict[int, GroupResult] = {}
    # at first without rows, from what is kept; those that lack something come again
    waiting: dict[int, frozenset[int]] = dict.fromkeys(range(len(groups)), frozenset())
    even_sparse = False
    with row_bar("laying out", survey.read, shown=params.runtime.progress) as bar:
        while waiting:
            needed = {
                name: groups[number].read_for(chunks)
                for number, chunks in waiting.items()
                for name in groups[number].names
                if chunks
            }
            work = GroupWork(params, wanted, step_micros, cache, rows.of(needed) if needed else [])
            results.update(_worked_on(pool, work, groups, waiting, even_sparse=even_sparse))
            bar.update(sum(groups[number].rows for number in waiting if not results[number].lacking))
            waiting = {number: results[number].lacking for number in waiting if results[number].lacking}
            if not waiting and not even_sparse:
                check_spacing(_apart(results), params.base.step)
                even_sparse = True
                waiting = {n: frozenset(groups[n].keys) for n, result in results.items() if result.sparse}
    ordered = [results[number] for number in range(len(groups))]
    for group, result in zip(groups, ordered, strict=True):
        cache.claim([*group.keys.values(), *(key for key, _ in result.parts)])
    return Gathered(survey, surveys, rows.faults, groups, ordered)


def _worked_on(
    pool: Pool,
    work: GroupWork,
    groups: list[Group],
    waiting: dict[int, frozenset[int]],
    *,
    even_sparse: bool,
) -> Iterator[tuple[int, GroupResult]]:
    tasks = ((groups[number], chunks) for number, chunks in waiting.items())
    made = pool.each_in_order(partial(_one, work, even_sparse), tasks)
    return zip(waiting, made, strict=True)


def _one(work: GroupWork, even_sparse: bool, task: tuple[Group, frozenset[int]]) -> GroupResult:
    return work.result(*task, even_sparse=even_sparse)


def _apart(results: dict[int, GroupResult]) -> Counter[int]:
    apart: Counter[int] = Counter()
    for result in results.values():
        for own in result.facts.apart:
            apart.update(own)
    return apart


def _groups(
    survey: Survey,
    surveys: Mapping[int, Survey],
    source: Source,
    key: str,
    wrong: Mapping[str, int],
    *,
    history: bool,
) -> Iterator[Group]:
    names = sorted(survey.servers)
    bounds = group_bounds(names).tolist()
    for low, high in itertools.pairwise(bounds):
        own = names[low:high]
        holding: dict[int, list[str]] = {}
        for number, part in surveys.items():
            chunks = {chunk for name in own if name in part.servers for chunk in part.servers[name].chunks}
            for chunk in chunks:
                holding.setdefault(chunk, []).append(source.inputs[number].identity)
        if history:
            # a rate takes the reading before it, which may be any time ago
            for before, chunk in itertools.pairwise(sorted(holding)):
                holding[chunk] = sorted({*holding[before], *holding[chunk]})
        believed = {name: wrong[name] for name in own if name in wrong}
        yield Group(
            names=own,
            # the order of files, and so of rows, makes no difference
            keys={
                chunk: digest_of(["unit", key, own, chunk, sorted(digests), believed])
                for chunk, digests in sorted(holding.items())
            },
            texts={
                column: {name: by_server[name] for name in own if name in by_server}
                for column, by_server in survey.static.items()
            },
            rows=sum(sum(survey.servers[name].chunks.values()) for name in own),
            cutoffs=believed,
            history=history,
        )

"""All groups of servers, of which only those are worked on that the last run didn't finish."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hostcast.params import Params
from hostcast.parts import Layout, PartCache, PartFile, Pool, digest_of, group_bounds, row_bar
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
        rows: of each input.
        groups: the servers.
        results: for each group.
    """

    survey: Survey
    rows: list[int]
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
        HostcastError: see `take_in` and `check_spacing`.
    """
    rows = Rows(source, params, wanted, step_micros, cache, workshop, pool)
    surveys = [rows.surveys[number] for number in range(len(source.inputs))]
    survey = Survey.merged(surveys)
    groups = list(_groups(survey, surveys, source, rows.key))
    results: dict[int, GroupResult] = {}
    # at first without rows, from what is kept; those that lack something come again
    waiting: dict[int, frozenset[int]] = dict.fromkeys(range(len(groups)), frozenset())
    even_sparse = False
    with row_bar("laying out", survey.read, shown=params.runtime.progress) as bar:
        while waiting:
            needed = {
                name: chunks for number, chunks in waiting.items() for name in groups[number].names if chunks
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
    return Gathered(survey, [own.read for own in surveys], groups, ordered)


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


def _groups(survey: Survey, surveys: list[Survey], source: Source, key: str) -> Iterator[Group]:
    names = sorted(survey.servers)
    bounds = group_bounds(names).tolist()
    for low, high in itertools.pairwise(bounds):
        own = names[low:high]
        holding: dict[int, list[str]] = {}
        for each, part in zip(source.inputs, surveys, strict=True):
            chunks = {chunk for name in own if name in part.servers for chunk in part.servers[name].chunks}
            for chunk in chunks:
                holding.setdefault(chunk, []).append(each.sha256)
        yield Group(
            names=own,
            # the order of files, and so of rows, makes no difference
            keys={
                chunk: digest_of(["unit", key, own, chunk, sorted(digests)])
                for chunk, digests in sorted(holding.items())
            },
            texts={
                column: {name: by_server[name] for name in own if name in by_server}
                for column, by_server in survey.static.items()
            },
            rows=sum(sum(survey.servers[name].chunks.values()) for name in own),
        )

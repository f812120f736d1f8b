"""The stage `prepare`: telemetry from files, Prometheus or the simulator, checked and gridded."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.parts import (
    Layout,
    open_cache,
    pool_of,
    publish,
    read_frame,
    system_memory,
    workshop,
    write_index,
)
from hostcast.telemetry.grid import Grid
from hostcast.telemetry.quality import quality_report
from hostcast.telemetry.selection import Discarded, check_targets, select_servers, typical
from hostcast.telemetry.sources import Source, source_of
from hostcast.telemetry.units import COUNTS, ColumnSums
from hostcast.telemetry.wanted import Wanted
from hostcast.telemetry.work import Gathered, gather

__all__ = ["Prepared", "Report", "prepare", "prepare_into"]

log = logging.getLogger(__name__)

_SOURCE_NAMES = {"prometheus": "Prometheus", "simulate": "the simulated fleet"}


@dataclass(frozen=True)
class Report:
    """How prepared telemetry came about.

    Attributes:
        quality: JSON-able report; `rows` accounts for every row read.
        noise_floor: the truth behind simulated telemetry, None for real telemetry.
    """

    quality: dict[str, Any]
    noise_floor: pd.DataFrame | None


@dataclass(frozen=True)
class Prepared(Report):
    """Telemetry fit for use, in memory.

    Attributes:
        telemetry: `server` (str), `timestamp` (datetime64[us, UTC], a step's start), targets and
            covariates (float32, NaN = missing), static columns (str); sorted by server and timestamp,
            every step of a server from its first to its last observation.
    """

    telemetry: pd.DataFrame


def prepare(params: Params) -> Prepared:
    """Prepare telemetry that fits in memory; see `prepare_into`."""
    with tempfile.TemporaryDirectory(prefix="hostcast-") as name:
        folder = Path(name) / "telemetry"
        report = prepare_into(folder, params)
        return Prepared(report.quality, report.noise_floor, read_frame(folder, stage="prepare"))


def prepare_into(folder: Path, params: Params, *, kept: Path | None = None) -> Report:
    """Read, pull or simulate telemetry and lay it on a regular grid; nothing is filled in.

    The value at step t is the mean of what was observed in [t, t + base.freq). The same rows give
    the same telemetry whichever formats, files and order they come in.

    Memory is bounded, however many rows there are: they are read block by block and put aside by server,
    and groups of servers are then worked on alone.

    Args:
        folder: where the parts go; what is there is replaced once all is well.
        params: sections base, prepare and runtime are read.
        kept: folder of finished work of the last run, for the next one; None = keep nothing.

    Raises:
        HostcastError: the telemetry, or what `base` and `prepare` ask of it, has a fault that must
            not be passed over; the message names file, column, row and remedy where they are known.
    """
    wanted = Wanted.from_params(params)
    step_micros = params.base.step // pd.Timedelta(1, "us")
    if step_micros * pd.Timedelta(1, "us") != params.base.step:
        raise HostcastError(
            f"base.freq {params.base.freq} is finer than a microsecond", remedy="set a longer base.freq"
        )
    with (
        system_memory(),
        workshop(folder) as place,
        pool_of(params.prepare.engine, params.runtime.ray_address, place) as pool,
    ):
        source = source_of(params, wanted, pool)
        with open_cache(kept if source.lasting else None, place / "cache") as cache:
            gathered = gather(source, params, wanted, step_micros, cache, place, pool)
            grid, quality = _checked(gathered, params, wanted, source)
            made = list(gathered.files(grid.layout))
            publish([(cache.path(key), file) for key, file in made], folder)
            write_index(folder, grid.layout, [file for _, file in made])
    _log_summary(quality)
    return Report(quality, source.noise_floor)


def _checked(
    gathered: Gathered, params: Params, wanted: Wanted, source: Source
) -> tuple[Grid, dict[str, Any]]:
    """See that what was made is fit for use, and report on it."""
    facts = [result.facts for result in gathered.results]
    names = [name for group in gathered.groups for name in group.names]
    counts = {kind: sum((own.counts[kind] for own in facts), Counter[str]()) for kind in COUNTS}
    discarded = Discarded(counts["out_of_range"], counts["infinite"])
    selection = select_servers(
        names,
        [int(steps) for own in facts for steps in own.observed],
        [int(steps) for own in facts for steps in own.filled],
        discarded,
        wanted.targets,
        min_rows=params.prepare.min_rows,
        on_empty_server=params.prepare.on_empty_server,
        unwanted={
            **dict.fromkeys(gathered.survey.too_late, "all its rows lie after prepare.not_after"),
            **{
                name: "its clock is wrong: all its rows lie past the fleet's end (prepare.max_clock_skew)"
                for group in gathered.groups
                for name in group.cutoffs
            },
        },
        file=source.name,
    )
    errors = [entry for result in gathered.results for entry in result.errors]
    if errors:
        raise min(errors, key=lambda entry: entry[0])[1]
    grid = _grid(gathered, selection.kept, wanted)
    count = len(wanted.targets)
    check_targets(
        grid.sums.low[:, :count].min(axis=0),
        grid.sums.high[:, :count].max(axis=0),
        wanted.targets,
        [wanted.source_names[name] for name in wanted.targets],
        source.name,
        discarded,
    )
    apart = dict(zip(names, (own for each in facts for own in each.apart), strict=True))
    return grid, quality_report(
        origin=source.origin(gathered.surveys, gathered.faults, wanted),
        freq=params.base.freq,
        wanted=wanted,
        survey=gathered.survey,
        counts=counts,
        selection=selection,
        grid=grid,
        overlap=gathered.survey.aliases.overlap(params.prepare.rename_servers),
        suspects=[
            (group.names[place], name, kind)
            for group, own in zip(gathered.groups, facts, strict=True)
            for place, name, kind in own.suspects
        ],
        sparse={name: typical(apart[name]) for name in selection.kept if typical(apart[name]) > 1},
    )


def _grid(gathered: Gathered, kept: list[str], wanted: Wanted) -> Grid:
    made = [
        (group, result, result.layout, result.sums)
        for group, result in zip(gathered.groups, gathered.results, strict=True)
        if result.layout is not None and result.sums is not None
    ]
    layout = Layout(
        servers=kept,
        first=np.concatenate([own.first for _, _, own, _ in made]),
        rows=np.concatenate([own.rows for _, _, own, _ in made]),
        groups=np.concatenate([[0], np.cumsum([len(own.servers) for _, _, own, _ in made])]).astype(np.int64),
        step_micros=made[0][2].step_micros,
    )
    facts = [(result.facts, np.isin(group.names, own.servers)) for group, result, own, _ in made]
    sums = {
        kind: np.concatenate([getattr(own, kind) for _, _, _, own in made])
        for kind in ("valid", "low", "high", "total")
    }
    return Grid(
        layout=layout,
        observed=np.concatenate([own.observed[places] for own, places in facts]),
        longest_gap=np.concatenate([own.gap[places] for own, places in facts]),
        sums=ColumnSums(**sums),
        static={
            name: [text for _, result, _, _ in made for text in result.static[name]] for name in wanted.static
        },
    )


def _log_summary(quality: dict[str, Any]) -> None:
    rows = quality["rows"]
    log.info(
        "prepared %d servers and %d steps (%d missing) from %d rows of %s: %d merged, %d dropped, "
        "%d server(s) left out%s",
        len(quality["servers"]),
        rows["grid_steps"],
        rows["missing_steps"],
        rows["read"],
        _SOURCE_NAMES.get(quality["source"], f"{len(quality['files'])} file(s)"),
        sum(rows["merged"].values()),
        sum(rows["dropped"].values()),
        len(quality["left_out"]),
        f", {len(quality['skipped_files'])} file(s) skipped" if quality["skipped_files"] else "",
    )

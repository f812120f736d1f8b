"""The stage `prepare`: telemetry from files, Prometheus or the simulator, checked and gridded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.telemetry.cleaning import clean
from hostcast.telemetry.discovery import find_files, label_of
from hostcast.telemetry.formats import read_file
from hostcast.telemetry.grid import lay_out
from hostcast.telemetry.observations import Block, join, static_values, typed_block
from hostcast.telemetry.quality import quality_report
from hostcast.telemetry.selection import check_spacing, check_targets, select_servers
from hostcast.telemetry.wanted import Wanted

__all__ = ["Prepared", "prepare"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Telemetry fit for use, and how it came about.

    Attributes:
        telemetry: `server` (str), `timestamp` (datetime64[us, UTC], a step's start), targets and
            covariates (float32, NaN = missing), static columns (str); sorted by server and timestamp,
            every step of a server from its first to its last observation.
        quality: JSON-able report; `rows` accounts for every row read.
        noise_floor: the truth behind simulated telemetry, None for real telemetry.
    """

    telemetry: pd.DataFrame
    quality: dict[str, Any]
    noise_floor: pd.DataFrame | None


def prepare(params: Params) -> Prepared:
    """Read, pull or simulate telemetry and lay it on a regular grid; nothing is filled in.

    The value at step t is the mean of what was observed in [t, t + base.freq). The same rows give
    the same telemetry whichever formats, files and order they come in.

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
    blocks, origin, noise_floor = _SOURCES[params.prepare.source](params, wanted)
    rows = join(blocks, wanted)
    cleaned = clean(rows, wanted.metrics, params.prepare.ranges, step_micros)
    sparse = check_spacing(cleaned, params.base.step)
    selection = select_servers(
        cleaned,
        rows.names,
        len(wanted.targets),
        min_rows=params.prepare.min_rows,
        on_empty_server=params.prepare.on_empty_server,
        file=_named(origin),
    )
    static = static_values(rows, wanted, selection.kept)
    grid = lay_out(cleaned, selection.kept, rows.names, static, wanted, step_micros)
    check_targets(
        grid.values,
        wanted.targets,
        [wanted.source_names[name] for name in wanted.targets],
        _named(origin),
        cleaned,
    )
    quality = quality_report(
        origin=origin,
        freq=params.base.freq,
        wanted=wanted,
        rows=rows,
        cleaned=cleaned,
        selection=selection,
        grid=grid,
        sparse=sparse,
    )
    _log_summary(quality)
    return Prepared(grid.frame, quality, noise_floor)


def _from_files(params: Params, wanted: Wanted) -> tuple[list[Block], dict[str, Any], None]:
    found = find_files(params.prepare.path)
    blocks, files = [], []
    for path in found.files:
        raw = read_file(path, wanted)
        blocks.append(typed_block(raw.columns, wanted, file=raw.label, timezone=params.prepare.timezone))
        files.append({"name": raw.label, "format": raw.format, "rows": raw.rows, "sha256": raw.sha256})
    origin = {
        "source": "files",
        "files": files,
        "ignored_files": [label_of(path) for path in found.ignored],
    }
    return blocks, origin, None


def _from_prometheus(params: Params, wanted: Wanted) -> tuple[list[Block], dict[str, Any], None]:
    # requests is slow to import, and other sources need none of it
    from hostcast.telemetry.prometheus import pull

    pulled = pull(params, wanted)
    blocks = [typed_block(columns, wanted, file=None, timezone="UTC") for columns in pulled.tables()]
    return blocks, pulled.origin(), None


def _simulated(params: Params, wanted: Wanted) -> tuple[list[Block], dict[str, Any], pd.DataFrame]:
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
    return [block], {"source": "simulate", "files": [], "ignored_files": []}, simulation.truth


_SOURCES: dict[str, Callable[[Params, Wanted], tuple[list[Block], dict[str, Any], pd.DataFrame | None]]] = {
    "files": _from_files,
    "prometheus": _from_prometheus,
    "simulate": _simulated,
}
_SOURCE_NAMES = {"prometheus": "Prometheus", "simulate": "the simulated fleet"}


def _named(origin: dict[str, Any]) -> str | None:
    names = [file["name"] for file in origin["files"]]
    if not names:
        return None
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _log_summary(quality: dict[str, Any]) -> None:
    rows = quality["rows"]
    log.info(
        "prepared %d servers and %d steps (%d missing) from %d rows of %s: %d merged, %d dropped, "
        "%d server(s) left out",
        len(quality["servers"]),
        rows["grid_steps"],
        rows["missing_steps"],
        rows["read"],
        _SOURCE_NAMES.get(quality["source"], f"{len(quality['files'])} file(s)"),
        sum(rows["merged"].values()),
        sum(rows["dropped"].values()),
        len(quality["left_out"]),
    )

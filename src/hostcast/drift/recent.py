"""What came after the training span, counted in the bins of the training span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hostcast.account import Histogram, Reference, in_order, values_between
from hostcast.errors import HostcastError
from hostcast.params import Params, shown_instant
from hostcast.params.lengths import length_of
from hostcast.parts import PartIndex, column_names, each_in_order, read_index, row_bar

__all__ = ["Recent", "Seen", "recent_of"]


@dataclass(frozen=True)
class Seen:
    """A server in the newer telemetry.

    Attributes:
        last: instant of its last step, microseconds since 1970.
        steps: that are compared.
        columns: their values by column: in the server's own bins, in the fleet's if it is new.
    """

    last: int
    steps: int
    columns: Mapping[str, Histogram]


@dataclass(frozen=True)
class Recent:
    """Newer telemetry.

    Attributes:
        first, last: first and last instant that is compared, microseconds since 1970.
        fleet: all servers' values in the common bins of the reference, by column.
        servers: all servers of the telemetry, whether or not they have steps to compare.
    """

    first: int
    last: int
    fleet: Mapping[str, Histogram]
    servers: Mapping[str, Seen]


@dataclass(frozen=True)
class _Share:
    fleet: dict[str, Histogram]
    servers: dict[str, dict[str, Histogram]]


def recent_of(prepared: Path, reference: Reference, params: Params) -> Recent:
    """Count what came after the training span, or the last `drift.recent` of it.

    A server's steps count from the end of its own training span on; those of a server that was not
    in training, from the end of everyone's. A server that was held out of training is not compared.

    Args:
        prepared: folder of the prepared telemetry.
        reference: the training span.
        params: sections base, drift and runtime.

    Raises:
        HostcastError: nothing came after it, or columns or steps are others.
    """
    index = read_index(prepared, stage="prepare")
    _require_comparable(index, reference, params)
    layout = index.layout
    step = layout.step_micros
    rows = _rows(index, reference, params.drift.recent)
    if not rows:
        raise HostcastError(
            "there is no telemetry after the training span, which ends at "
            f"{shown_instant(pd.Timestamp(reference.end, unit='us'))}",
            file=prepared,
            remedy="bring newer telemetry",
        )

    def share(group: int) -> _Share:
        low, high = layout.groups[group : group + 2].tolist()
        own = {place: rows[place] for place in range(low, high) if place in rows}
        made = _Share({}, {layout.servers[place]: {} for place in own})
        for name in reference.columns:
            total = Histogram.none(reference.fleet[name].edges)
            for place, values in values_between(index, group, name, own).items():
                ordered = in_order(values)
                missing = len(values) - len(ordered)
                counted = Histogram.of(total.edges, ordered, missing)
                total += counted
                known = reference.servers.get(layout.servers[place])
                made.servers[layout.servers[place]][name] = (
                    counted if known is None else Histogram.of(known.columns[name].edges, ordered, missing)
                )
            made.fleet[name] = total
        return made

    fleet = {name: Histogram.none(reference.fleet[name].edges) for name in reference.columns}
    found: dict[str, dict[str, Histogram]] = {}
    total = sum(high - low for low, high in rows.values())
    with row_bar("looking at newer telemetry", total, shown=params.runtime.progress) as bar:
        for made in each_in_order(share, range(len(layout.groups) - 1)):
            fleet = {name: own + made.fleet[name] for name, own in fleet.items()}
            found |= made.servers
            bar.update(sum(next(iter(own.values())).rows for own in made.servers.values()))
    firsts, counts = layout.first.tolist(), layout.rows.tolist()
    servers = {}
    for place, name in enumerate(layout.servers):
        low, high = rows.get(place, (0, 0))
        last = (firsts[place] + counts[place] - 1) * step
        servers[name] = Seen(last, high - low, found.get(name, {}))
    return Recent(
        first=min((firsts[place] + low) * step for place, (low, _) in rows.items()),
        last=max(server.last for server in servers.values()),
        fleet=fleet,
        servers=servers,
    )


def _rows(index: PartIndex, reference: Reference, length: str | None) -> dict[int, tuple[int, int]]:
    """Which rows of which servers are compared, counted from the server's first."""
    layout = index.layout
    step = layout.step_micros
    behind = layout.first + layout.rows
    earliest = None
    if length is not None:
        earliest = int(behind.max()) - max(1, (length_of(length) // pd.Timedelta(1, "us")) // step)
    rows = {}
    for place, name in enumerate(layout.servers):
        if name in reference.held_out:
            continue
        known = reference.servers.get(name)
        begin = (reference.end if known is None else known.end) // step
        begin = max(begin if earliest is None else max(begin, earliest), int(layout.first[place]))
        if begin < int(behind[place]):
            rows[place] = (begin - int(layout.first[place]), int(layout.rows[place]))
    return rows


def _require_comparable(index: PartIndex, reference: Reference, params: Params) -> None:
    if index.layout.step_micros != reference.step_micros:
        then = pd.Timedelta(reference.step_micros, "us").total_seconds()
        now = pd.Timedelta(index.layout.step_micros, "us").total_seconds()
        raise HostcastError(
            f"has steps of {now:g} s, the training data had steps of {then:g} s",
            file=index.folder,
            remedy="prepare it with the base.freq that the model was trained with",
        )
    lacking = [name for name in reference.columns if name not in column_names(index)]
    if lacking:
        raise HostcastError(
            f"has no column {lacking[0]!r}, which the training data had",
            file=index.folder,
            remedy="prepare it with the base.target_metrics and prepare.covariates that the model was "
            "trained with",
        )

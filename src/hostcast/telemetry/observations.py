"""All files' rows as arrays of one type, with what was noticed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.errors import HostcastError
from hostcast.telemetry.instants import instants
from hostcast.telemetry.metrics import metric_of
from hostcast.telemetry.place import Place
from hostcast.telemetry.values import coded_text
from hostcast.telemetry.wanted import SERVER, TIMESTAMP, Wanted

__all__ = ["Block", "Observations", "join", "static_values", "typed_block"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Rows of one file, checked and typed; all counts add up over blocks.

    Attributes:
        names: distinct names of the servers that have rows.
        server: position of each row's server in `names`, (rows,).
        micros: microseconds since 1970 in UTC, (rows,).
        values: metrics, float32, NaN = missing, infinite = as read, (rows, metrics); a counter's are
            NaN, until `clean` turns it into a rate.
        counters: readings of the counters among the metrics, float64, (rows, counters).
        static: for each static column its distinct texts and each row's position among them, -1 = missing.
        missing: for each metric, how often each kind of missing value was read.
        commas: for each metric, how many numbers were written with a comma.
        notations: rows by how their time was written, see `Instants`.
        read: rows read, of which the arrays hold those whose time is known.
        dropped: rows left out, by reason.
        too_late: rows after `not_after`, by server.
    """

    names: list[str]
    server: Ints
    micros: Ints
    values: npt.NDArray[np.float32]
    counters: npt.NDArray[np.float64]
    static: Mapping[str, tuple[list[str], Ints]]
    missing: Mapping[str, Counter[str]]
    commas: Counter[str]
    notations: Counter[str]
    read: int
    dropped: Counter[str]
    too_late: Counter[str]


@dataclass(frozen=True)
class Observations(Block):
    """Rows of all files in the order read; `names` and the static texts are sorted."""


def typed_block(
    columns: Mapping[str, Any],
    wanted: Wanted,
    *,
    file: str | None,
    timezone: str,
    chosen: Mapping[str, str] | None = None,
) -> Block:
    """Check and type the columns of one file (or of the simulator).

    Args:
        columns: hostcast's name -> Arrow array, all of one length.
        timezone: zone of timestamps that name none.
        chosen: hostcast's name -> the file's, of the columns that the file has; None = it has all,
            by the first of their names.

    Raises:
        HostcastError: a value is of the wrong type, or a server or timestamp is missing.
    """
    if chosen is None:
        chosen = {name: sources[0] for name, sources in wanted.sources.items()}
    place = {name: Place(file, chosen.get(name, name)) for name in wanted.sources}
    server, names = coded_text(columns[SERVER], place[SERVER], optional=False)
    when = instants(columns[TIMESTAMP], place[TIMESTAMP], timezone)
    lost = when.ambiguous | when.nonexistent
    late = _later(when.micros, wanted.not_after) & ~lost
    known = ~(lost | late)

    metrics = {name: metric_of(name, columns, place, wanted, chosen) for name in wanted.metrics}
    counters = [metrics[name].readings for name in wanted.counters]
    static = {}
    for name in wanted.static:
        codes, texts = coded_text(columns[name], place[name], optional=True)
        static[name] = (texts, codes[known])
    kept_names, kept_server = _those_met(names, server[known])
    return Block(
        names=kept_names,
        server=kept_server,
        micros=when.micros[known],
        values=np.column_stack([metric.values for metric in metrics.values()])[known],
        counters=(np.column_stack(counters) if counters else np.empty((len(server), 0)))[known],
        static=static,
        missing={name: metric.missing for name, metric in metrics.items()},
        commas=+Counter({name: metric.commas for name, metric in metrics.items()}),
        notations=when.notations,
        read=len(server),
        dropped=Counter(
            ambiguous_local_time=int(when.ambiguous.sum()),
            nonexistent_local_time=int(when.nonexistent.sum()),
            after_not_after=int(late.sum()),
        ),
        too_late=Counter(names[code] for code in server[late].tolist()),
    )


def join(blocks: Sequence[Block], wanted: Wanted) -> Observations:
    """Put the blocks one after another under common server and static codes."""
    names, server = _recoded([(block.names, block.server) for block in blocks])
    return Observations(
        names=names,
        server=server,
        micros=np.concatenate([block.micros for block in blocks]),
        values=np.concatenate([block.values for block in blocks]),
        counters=np.concatenate([block.counters for block in blocks]),
        static={name: _recoded([block.static[name] for block in blocks]) for name in wanted.static},
        missing={name: _sum(block.missing[name] for block in blocks) for name in wanted.metrics},
        commas=_sum(block.commas for block in blocks),
        notations=_sum(block.notations for block in blocks),
        read=sum(block.read for block in blocks),
        dropped=_sum(block.dropped for block in blocks),
        too_late=_sum(block.too_late for block in blocks),
    )


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter[str]())


def _later(micros: Ints, not_after: int | None) -> npt.NDArray[np.bool_]:
    return np.zeros(len(micros), np.bool_) if not_after is None else micros > not_after


def _those_met(names: list[str], server: Ints) -> tuple[list[str], Ints]:
    """Names and codes without the servers that no row is left of."""
    met = np.bincount(server, minlength=len(names)) > 0
    if met.all():
        return names, server
    return [name for name, here in zip(names, met.tolist(), strict=True) if here], (np.cumsum(met) - 1)[
        server
    ]


def static_values(rows: Observations, wanted: Wanted, kept: Sequence[int]) -> dict[str, dict[int, str]]:
    """For each static column, each kept server's one value.

    Raises:
        HostcastError: a kept server has two values, or none.
    """
    found: dict[str, dict[int, str]] = {}
    for column, (texts, codes) in rows.static.items():
        given = codes >= 0
        pairs = np.unique(np.column_stack([rows.server[given], codes[given]]), axis=0)
        values: dict[int, list[str]] = {}
        for server, code in pairs.tolist():
            values.setdefault(server, []).append(texts[code])
        for server in kept:
            own = values.get(server, [])
            if len(own) != 1:
                listed = f"{len(own)} values: {', '.join(map(ascii, own[:5]))}" if own else "no value"
                raise HostcastError(
                    f"server {rows.names[server]!r} has {listed}; a static column holds one value per server",
                    column=wanted.source_names[column],
                    remedy="correct the values, or take the column out of prepare.static",
                )
        found[column] = {server: values[server][0] for server in kept}
    return found


def _recoded(parts: Sequence[tuple[list[str], Ints]]) -> tuple[list[str], Ints]:
    # by code point: the same order on every machine, whatever its locale
    texts = sorted({text for own, _ in parts for text in own})
    position = {text: code for code, text in enumerate(texts)}
    recoded = []
    for own, codes in parts:
        # one place more for -1, the missing text
        table = np.array([*(position[text] for text in own), -1], np.int64)
        recoded.append(table[codes])
    return texts, np.concatenate(recoded)

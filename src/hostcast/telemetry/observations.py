"""All files' rows as arrays of one type, with what was noticed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.errors import HostcastError
from hostcast.telemetry.instants import instants
from hostcast.telemetry.place import Place
from hostcast.telemetry.values import coded_text, metric_values
from hostcast.telemetry.wanted import SERVER, TIMESTAMP, Wanted

__all__ = ["Block", "Observations", "join", "static_value", "typed_block"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Rows of one file, checked and typed.

    Attributes:
        names: distinct server names.
        server: position of each row's server in `names`, (rows,).
        micros: microseconds since 1970 in UTC, (rows,).
        values: metrics, float32, NaN = missing, infinite = as read, (rows, metrics).
        static: for each static column its distinct texts and each row's position among them, -1 = missing.
        missing: for each metric, how often each kind of missing value was read.
        read: rows read, of which the arrays hold those whose time is known.
        dropped: rows left out, by reason.
    """

    names: list[str]
    server: Ints
    micros: Ints
    values: npt.NDArray[np.float32]
    static: Mapping[str, tuple[list[str], Ints]]
    missing: Mapping[str, Counter[str]]
    read: int
    dropped: Counter[str]


@dataclass(frozen=True)
class Observations(Block):
    """Rows of all files in the order read; `names` and the static texts are sorted."""


def typed_block(columns: Mapping[str, Any], wanted: Wanted, *, file: str | None, timezone: str) -> Block:
    """Check and type the columns of one file (or of the simulator).

    Args:
        columns: hostcast's name -> Arrow array, all of one length.
        timezone: zone of timestamps that name none.

    Raises:
        HostcastError: a value is of the wrong type, or a server or timestamp is missing.
    """
    place = {name: Place(file, source) for name, source in wanted.source_names.items()}
    server, names = coded_text(columns[SERVER], place[SERVER], optional=False)
    when = instants(columns[TIMESTAMP], place[TIMESTAMP], timezone)
    known = ~(when.ambiguous | when.nonexistent)
    whole = bool(known.all())

    metrics = {name: metric_values(columns[name], place[name]) for name in wanted.metrics}
    values = np.column_stack([numbers for numbers, _ in metrics.values()])
    static = {}
    for name in wanted.static:
        codes, texts = coded_text(columns[name], place[name], optional=True)
        static[name] = (texts, codes if whole else codes[known])
    dropped = Counter(
        ambiguous_local_time=int(when.ambiguous.sum()), nonexistent_local_time=int(when.nonexistent.sum())
    )
    return Block(
        names=names,
        server=server if whole else server[known],
        micros=when.micros if whole else when.micros[known],
        values=values if whole else values[known],
        static=static,
        missing={name: counts for name, (_, counts) in metrics.items()},
        read=len(server),
        dropped=dropped,
    )


def join(blocks: Sequence[Block], wanted: Wanted) -> Observations:
    """Put the blocks one after another under common server and static codes."""
    names, server = _recoded([(block.names, block.server) for block in blocks])
    return Observations(
        names=names,
        server=server,
        micros=_joined([block.micros for block in blocks]),
        values=_joined([block.values for block in blocks]),
        static={name: _recoded([block.static[name] for block in blocks]) for name in wanted.static},
        missing={
            name: sum((block.missing[name] for block in blocks), Counter[str]()) for name in wanted.metrics
        },
        read=sum(block.read for block in blocks),
        dropped=sum((block.dropped for block in blocks), Counter[str]()),
    )


def static_value(server: str, texts: Set[str], source: str) -> str:
    """A server's one value in a static column, which the source calls `source`.

    Raises:
        HostcastError: there are two values, or none.
    """
    if len(texts) != 1:
        own = sorted(texts)
        listed = f"{len(own)} values: {', '.join(map(ascii, own[:5]))}" if own else "no value"
        raise HostcastError(
            f"server {server!r} has {listed}; a static column holds one value per server",
            column=source,
            remedy="correct the values, or take the column out of prepare.static",
        )
    return next(iter(texts))


def _recoded(parts: Sequence[tuple[list[str], Ints]]) -> tuple[list[str], Ints]:
    # by code point: the same order on every machine, whatever its locale
    texts = sorted({text for own, _ in parts for text in own})
    position = {text: code for code, text in enumerate(texts)}
    recoded = []
    for own, codes in parts:
        if own == texts:
            recoded.append(codes)
            continue
        # one place more for -1, the missing text
        table = np.array([*(position[text] for text in own), -1], np.int64)
        recoded.append(table[codes])
    return texts, _joined(recoded)


def _joined(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

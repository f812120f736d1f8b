"""All files' rows as arrays of one type, with what was noticed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.errors import HostcastError
from hostcast.telemetry.instants import instants
from hostcast.telemetry.metrics import metric_of
from hostcast.telemetry.place import Place
from hostcast.telemetry.renaming import Aliases, renamed
from hostcast.telemetry.values import coded_text
from hostcast.telemetry.wanted import SERVER, TIMESTAMP, Wanted

__all__ = ["Block", "Observations", "join", "static_value", "typed_block"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Rows of one file, checked and typed; all counts add up over blocks.

    Attributes:
        names: distinct server names.
        server: position of each row's server in `names`, (rows,).
        micros: microseconds since 1970 in UTC, (rows,).
        values: metrics, float32, NaN = missing, infinite = as read, (rows, metrics); a counter's are
            NaN, until `clean` turns it into a rate.
        counters: readings of the counters among the metrics, float64, (rows, counters).
        static: for each static column its distinct texts and each row's position among them, -1 = missing.
        missing: for each metric, how often each kind of missing value was read.
        commas: for each metric, how many numbers were written with a comma.
        notations: rows by how their time was written, see `Instants`.
        aliases: what renaming servers did.
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
    aliases: Aliases
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
    step_micros: int = 1,
) -> Block:
    """Check and type the columns of one file (or of the simulator).

    Args:
        columns: hostcast's name -> Arrow array, all of one length.
        timezone: zone of timestamps that name none.
        chosen: hostcast's name -> the file's, of the columns that the file has; None = it has all,
            by the first of their names.
        step_micros: length of a step, in which renamed servers may overlap.

    Raises:
        HostcastError: a value is of the wrong type, or a server or timestamp is missing.
    """
    if chosen is None:
        chosen = {name: sources[0] for name, sources in wanted.sources.items()}
    place = {name: Place(file, chosen.get(name, name)) for name in (SERVER, TIMESTAMP, *wanted.sources)}
    server, names = coded_text(columns[SERVER], place[SERVER], optional=False)
    when = instants(columns[TIMESTAMP], place[TIMESTAMP], timezone)
    known = ~(when.ambiguous | when.nonexistent)
    dropped = Counter(
        ambiguous_local_time=int(when.ambiguous.sum()), nonexistent_local_time=int(when.nonexistent.sum())
    )
    too_late: Counter[str] = Counter()
    if wanted.not_after is not None:
        late = known & (when.micros > wanted.not_after)
        known &= ~late
        dropped["after_not_after"] = int(late.sum())
        too_late.update(wanted.renames.get(names[c], names[c]) for c in server[late].tolist())
    rows = slice(None) if known.all() else known

    metrics = {name: metric_of(name, columns, place, wanted, chosen) for name in wanted.metrics}
    counters = [metrics[name].readings for name in wanted.counters]
    static = {}
    for name in wanted.static:
        codes, texts = coded_text(columns[name], place[name], optional=True)
        static[name] = (texts, codes[rows])
    names, kept, aliases = renamed(names, server[rows], when.micros[rows], wanted.renames, step_micros)
    return Block(
        names=names,
        server=kept,
        micros=when.micros[rows],
        values=np.column_stack([metric.values for metric in metrics.values()])[rows],
        counters=np.column_stack(counters)[rows] if counters else np.empty((len(kept), 0)),
        static=static,
        missing={name: metric.missing for name, metric in metrics.items()},
        commas=+Counter({name: metric.commas for name, metric in metrics.items()}),
        notations=when.notations,
        aliases=aliases,
        read=len(server),
        dropped=dropped,
        too_late=too_late,
    )


def join(blocks: Sequence[Block], wanted: Wanted) -> Observations:
    """Put the blocks one after another under common server and static codes."""
    names, server = _recoded([(block.names, block.server) for block in blocks])
    return Observations(
        names=names,
        server=server,
        micros=_joined([block.micros for block in blocks]),
        values=_joined([block.values for block in blocks]),
        counters=_joined([block.counters for block in blocks]),
        static={name: _recoded([block.static[name] for block in blocks]) for name in wanted.static},
        missing={name: _sum(block.missing[name] for block in blocks) for name in wanted.metrics},
        commas=_sum(block.commas for block in blocks),
        notations=_sum(block.notations for block in blocks),
        aliases=_aliases(blocks),
        read=sum(block.read for block in blocks),
        dropped=_sum(block.dropped for block in blocks),
        too_late=_sum(block.too_late for block in blocks),
    )


def _aliases(blocks: Sequence[Block]) -> Aliases:
    total = Aliases()
    for block in blocks:
        total.add(block.aliases)
    return total


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter[str]())


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

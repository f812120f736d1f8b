"""What the training span looks like: the only thing that later telemetry is held against."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from hostcast.account.bins import Cells, Histogram, edges_of, in_order
from hostcast.account.stretches import values_between
from hostcast.errors import HostcastError
from hostcast.parts import PartIndex, each_in_order, read_index, row_bar
from hostcast.splitting import Span

__all__ = ["Known", "Reference", "read_reference", "reference_of", "require_same_steps"]

FORMAT = 1


@dataclass(frozen=True)
class Known:
    """A server in the training span.

    Attributes:
        end: the instant after its last training step, microseconds since 1970.
        steps: of training.
        columns: its values in bins of its own, by column.
    """

    end: int
    steps: int
    columns: Mapping[str, Histogram]


@dataclass(frozen=True)
class Reference:
    """The training span.

    Attributes:
        columns: targets, then covariates.
        step_micros: length of a step.
        first: first instant of all servers, microseconds since 1970.
        fleet: all servers' values in common bins, by column.
        servers: each server that has training steps.
        held_out: servers that have none on purpose.
    """

    columns: tuple[str, ...]
    step_micros: int
    first: int
    fleet: Mapping[str, Histogram]
    servers: Mapping[str, Known]
    held_out: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The instant after the last training step of all."""
        return max(server.end for server in self.servers.values())

    def to_json(self) -> str:
        """Text of a file, without blanks: a large fleet has some megabytes of it."""
        return json.dumps(self.to_dict(), separators=(",", ":"), ensure_ascii=False) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "format": FORMAT,
            "columns": list(self.columns),
            "step_micros": self.step_micros,
            "first": self.first,
            "held_out": list(self.held_out),
            "fleet": {name: own.to_dict() for name, own in self.fleet.items()},
            "servers": {
                name: {
                    "end": server.end,
                    "steps": server.steps,
                    "columns": [server.columns[column].to_dict() for column in self.columns],
                }
                for name, server in self.servers.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']} is not {FORMAT}")
        columns = tuple(content["columns"])
        servers = {}
        for name, server in content["servers"].items():
            own = [Histogram.from_dict(entry) for entry in server["columns"]]
            servers[name] = Known(server["end"], server["steps"], dict(zip(columns, own, strict=True)))
        if not servers:
            raise ValueError("there is no server")
        return cls(
            columns=columns,
            step_micros=content["step_micros"],
            first=content["first"],
            fleet={name: Histogram.from_dict(content["fleet"][name]) for name in columns},
            servers=servers,
            held_out=tuple(content.get("held_out", ())),
        )


@dataclass(frozen=True)
class _Share:
    """A group's part of the reference: its servers' histograms, and all of its values in cells."""

    servers: dict[str, dict[str, Histogram]]
    cells: dict[str, Cells] = field(default_factory=dict)


def reference_of(
    features: Path,
    spans: Sequence[Span],
    columns: Sequence[str],
    *,
    progress: bool,
    held_out: Sequence[str] = (),
) -> Reference:
    """Look at the training span, and at nothing after it.

    Args:
        features: folder of the features table.
        spans: of all servers, as the split made them.
        columns: what to look at: columns that are there as they were measured.
        progress: whether to show a progress bar.
        held_out: servers without training steps that are not to be taken for new ones later.

    Raises:
        HostcastError: the split was made from other telemetry.
    """
    index = read_index(features, stage="featurize")
    _require_same(index, spans)
    layout = index.layout

    def share(group: int) -> _Share:
        low, high = layout.groups[group : group + 2].tolist()
        rows = {place: (0, spans[place].train_end) for place in range(low, high) if spans[place].train_end}
        made = _Share({layout.servers[place]: {} for place in rows})
        for name in columns:
            cells = []
            for place, values in values_between(index, group, name, rows).items():
                ordered = in_order(values)
                made.servers[layout.servers[place]][name] = Histogram.of(
                    edges_of(ordered), ordered, len(values) - len(ordered)
                )
                cells.append(Cells.of(ordered))
            if cells:
                made.cells[name] = Cells.sum(cells)
        return made

    found: dict[str, dict[str, Histogram]] = {}
    cells: dict[str, list[Cells]] = {name: [] for name in columns}
    total = sum(span.train_end for span in spans)
    with row_bar("looking at the training span", total, shown=progress) as bar:
        for group, made in enumerate(each_in_order(share, range(len(layout.groups) - 1))):
            found |= made.servers
            for name, own in made.cells.items():
                # no more than one of these is ever held, however many groups there are
                cells[name] = [Cells.sum([*cells[name], own])]
            bar.update(sum(spans[p].train_end for p in range(*layout.groups[group : group + 2].tolist())))
    known = {
        span.server: Known(_micros(span.first) + span.train_end * layout.step_micros, span.train_end, shapes)
        for span in spans
        if (shapes := found.get(span.server)) is not None
    }
    fleet = {}
    for name in columns:
        missing = sum(own[name].missing for own in found.values())
        fleet[name] = cells[name][0].histogram(missing, sum(own[name].total for own in found.values()))
    first = min(_micros(span.first) for span in spans if span.server in known)
    return Reference(tuple(columns), layout.step_micros, first, fleet, known, tuple(held_out))


def read_reference(path: Path) -> Reference:
    """Read the file of a model folder that `training_data_of` finds.

    Raises:
        HostcastError: it is missing or damaged.
    """
    try:
        return Reference.from_dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise HostcastError("there is no account of the training data", file=path, remedy=_REMEDY) from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise HostcastError(
            f"not readable as an account of training data: {type(error).__name__}: {error}",
            file=path,
            remedy=_REMEDY,
        ) from None


def require_same_steps(features: Path, spans: Sequence[Span]) -> None:
    """See that a split is of the very steps of a features table, before much is done with both.

    Raises:
        HostcastError: it was made from other telemetry.
    """
    _require_same(read_index(features, stage="featurize"), spans)


_REMEDY = "train anew: dvc repro -f train"


def _require_same(index: PartIndex, spans: Sequence[Span]) -> None:
    layout = index.layout
    same = [span.server for span in spans] == layout.servers and all(
        (_micros(span.first), span.rows) == (int(first) * layout.step_micros, int(rows))
        for span, first, rows in zip(spans, layout.first, layout.rows, strict=True)
    )
    if not same:
        raise HostcastError(
            f"is stale: it was made from other telemetry than {index.folder}",
            file="data/split",
            remedy="run `dvc repro`: it makes anew what the data have changed since",
        )


def _micros(instant: pd.Timestamp) -> int:
    return (instant - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, "us")

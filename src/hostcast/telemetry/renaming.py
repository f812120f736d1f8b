"""Servers that were renamed: their history under both names is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from hostcast.telemetry.observations import Block

__all__ = ["Renamed", "rename"]

Rows = TypeVar("Rows", bound=Block)


@dataclass(frozen=True)
class Renamed:
    """What renaming did, by old name.

    Attributes:
        rows: rows that took the new name.
        overlap: those of them in a step in which the new name, or another old one, has rows too.
    """

    rows: Counter[str]
    overlap: Counter[str]


def rename(rows: Rows, mapping: Mapping[str, str], step_micros: int) -> tuple[Rows, Renamed]:
    """Give the rows of renamed servers their new name; rows of old and new name must come together.

    Two servers that report at the same time are merged like duplicates, which is why they are counted.
    """
    old = [code for code, name in enumerate(rows.names) if name in mapping]
    if not old:
        return rows, Renamed(Counter(), Counter())
    final = [mapping.get(name, name) for name in rows.names]
    names = sorted(set(final))
    position = {name: code for code, name in enumerate(names)}
    table = np.array([position[name] for name in final], np.int64)

    given = np.isin(table, table[old])[rows.server]
    before, step = rows.server[given], np.floor_divide(rows.micros[given], step_micros)
    after = table[before]
    pairs, counts = np.unique(np.column_stack([after, step, before]), axis=0, return_counts=True)
    shared = np.zeros(len(pairs), np.bool_)
    same = (pairs[1:, :2] == pairs[:-1, :2]).all(axis=1)
    shared[1:] |= same
    shared[:-1] |= same
    total: Counter[str] = Counter()
    overlap: Counter[str] = Counter()
    for code in old:
        own = pairs[:, 2] == code
        total[rows.names[code]] = int(counts[own].sum())
        overlap[rows.names[code]] = int(counts[own & shared].sum())
    return replace(rows, names=names, server=table[rows.server]), Renamed(total, +overlap)

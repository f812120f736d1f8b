"""Servers that were renamed: their history under both names is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hostcast.telemetry.spans import Span, joined, shared, spans_of

__all__ = ["Aliases", "renamed"]

Ints = npt.NDArray[np.int64]


@dataclass
class Aliases:
    """What renaming did; adds up over blocks.

    Attributes:
        rows: rows under each old name.
        steps: steps with rows under each name, old or new, that renaming has to do with.
    """

    rows: dict[str, int] = field(default_factory=dict)
    steps: dict[str, list[Span]] = field(default_factory=dict)

    def add(self, other: Aliases) -> None:
        """Take in those of other rows."""
        for name, rows in other.rows.items():
            self.rows[name] = self.rows.get(name, 0) + rows
        for name, spans in other.steps.items():
            self.steps[name] = joined([*self.steps.get(name, []), *spans], 1)

    def overlap(self, mapping: Mapping[str, str]) -> dict[str, int]:
        """For each old name, its steps in which another name of the same server has rows too."""
        found = {}
        for old, new in mapping.items():
            others = [name for name in self.steps if mapping.get(name, name) == new and name != old]
            theirs = joined((span for name in others for span in self.steps[name]), 1)
            found[old] = shared(self.steps.get(old, []), theirs)
        return {old: steps for old, steps in found.items() if steps}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {"rows": self.rows, "steps": self.steps}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        steps = {name: [(first, last) for first, last in spans] for name, spans in content["steps"].items()}
        return cls(dict(content["rows"]), steps)


def renamed(
    names: list[str], server: Ints, micros: Ints, mapping: Mapping[str, str], step_micros: int
) -> tuple[list[str], Ints, Aliases]:
    """Distinct names and codes with the new names in place of the old, and what that did."""
    aliases = Aliases()
    if not mapping:
        return names, server, aliases
    concerned = set(mapping) | set(mapping.values())
    for code, name in enumerate(names):
        if name in concerned:
            own = micros[server == code]
            aliases.steps[name] = spans_of(np.unique(np.floor_divide(own, step_micros)), 1)
            if name in mapping:
                aliases.rows[name] = len(own)
    if not aliases.rows:
        return names, server, aliases
    final = list(dict.fromkeys(mapping.get(name, name) for name in names))
    place = {name: code for code, name in enumerate(final)}
    table = np.array([place[mapping.get(name, name)] for name in names], np.int64)
    return final, table[server], aliases

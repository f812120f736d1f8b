"""Names of the columns a model reads, made safe for torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Columns", "column_name"]


@dataclass(frozen=True)
class Columns:
    """Names of the model frame's columns by role, in the order of the network's inputs."""

    targets: list[str]
    observed_flags: list[str]
    known: list[str]
    observed: list[str]
    categories: list[str]
    centers: list[str]
    spreads: list[str]


def column_name(prefix: str, name: str) -> str:
    """A name torch accepts for a submodule: it forbids dots and names such as `type` or `cpu`."""
    return f"{prefix}_{name.replace('%', '%25').replace('.', '%2E')}"

"""Where the values of section `benchmark` were written, for messages that blame one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostcast.errors import HostcastError
from hostcast.paths import PARAMS

__all__ = ["Given"]


@dataclass(frozen=True)
class Given:
    """What the command line gave; all else is from params.yaml.

    Attributes:
        options: key of section `benchmark` -> the option that gave its value.
    """

    options: Mapping[str, str] = field(default_factory=dict)

    def name(self, key: str) -> str:
        """The key as who wrote its value knows it: --device, or benchmark.device."""
        return self.options.get(key, f"benchmark.{key}")

    def error(self, key: str, problem: str, *, remedy: str) -> HostcastError:
        """An error that blames the key's value where it was written.

        Args:
            key: of section `benchmark`.
            problem: goes on from the key's name.
            remedy: what to change.
        """
        file = None if key in self.options else PARAMS
        return HostcastError(f"{self.name(key)} {problem}", file=file, remedy=remedy)

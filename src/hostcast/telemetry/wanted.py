"""Which columns the params ask for, and what the source calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hostcast.errors import HostcastError
from hostcast.params import Params

__all__ = ["SERVER", "TIMESTAMP", "Wanted"]

SERVER = "server"
TIMESTAMP = "timestamp"


@dataclass(frozen=True)
class Wanted:
    """The columns to read.

    Attributes:
        targets: columns to forecast.
        covariates: further numeric columns.
        static: text columns with one value per server.
        source_names: hostcast's name of every wanted column -> the source's name.
    """

    targets: tuple[str, ...]
    covariates: tuple[str, ...]
    static: tuple[str, ...]
    source_names: Mapping[str, str]

    @classmethod
    def from_params(cls, params: Params) -> Wanted:
        """Collect the wanted columns; the mapping `prepare.columns` holds for files only.

        Raises:
            HostcastError: `prepare.columns` maps a name that no other param asks for, or a name is
                both a covariate and static.
        """
        targets = tuple(params.base.target_metrics)
        covariates, static = tuple(params.prepare.covariates), tuple(params.prepare.static)
        both = sorted(set(covariates) & set(static))
        if both:
            raise HostcastError(
                f"prepare.covariates and prepare.static both name {both}",
                remedy="name each column in one of the two lists",
            )
        names = (SERVER, TIMESTAMP, *targets, *covariates, *static)
        mapping = params.prepare.columns if params.prepare.source == "files" else {}
        unused = sorted(set(mapping) - set(names))
        if unused:
            raise HostcastError(
                f"prepare.columns maps {unused}, which is none of the wanted columns {list(names)}",
                remedy="write hostcast's name first, the source's second, e.g. {cpu_percent: cpu}; "
                "new metrics also go into base.target_metrics or prepare.covariates",
            )
        return cls(targets, covariates, static, {name: mapping.get(name, name) for name in names})

    @property
    def metrics(self) -> tuple[str, ...]:
        """Numeric columns: targets, then covariates."""
        return (*self.targets, *self.covariates)

    @property
    def in_source(self) -> tuple[str, ...]:
        """The source's names, each once."""
        return tuple(dict.fromkeys(self.source_names.values()))

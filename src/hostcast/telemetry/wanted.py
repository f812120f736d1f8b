"""Which columns the params ask for, what the source calls them, and how their values are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.params.sections import BytesOf, FreeOf
from hostcast.telemetry.unsaid import SERVER, TIMESTAMP, Unsaid, micros_of

__all__ = ["SERVER", "TIMESTAMP", "Wanted", "total_of"]


def total_of(metric: str) -> str:
    """The name under which the column that a metric is a share of is read."""
    return f"total of {metric}"


@dataclass(frozen=True)
class Wanted:
    """The columns to read.

    Attributes:
        targets: columns to forecast.
        covariates: further numeric columns.
        static: text columns with one value per server.
        sources: hostcast's name of every wanted column -> the names it may have in the source, of
            which a file has one. The totals of `totals` are among them.
        totals: metrics given in bytes -> the source's column of their total.
        free: those among them that are the part not in use.
        fractions: metrics given as 0 to 1.
        counters: metrics given as counters.
        sentinels: numbers that stand for a missing value.
        decimal: how numbers in text are written, as `prepare.decimal`.
        encoding: of text that is neither UTF-8 nor UTF-16, None = refuse it.
        renames: old names of servers -> new names.
        not_after: microseconds since 1970 after which rows are dropped, None = none are.
        unsaid: what files don't say themselves.
    """

    targets: tuple[str, ...]
    covariates: tuple[str, ...]
    static: tuple[str, ...]
    sources: Mapping[str, tuple[str, ...]]
    totals: Mapping[str, str] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    fractions: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    sentinels: tuple[float, ...] = ()
    decimal: Literal["auto", "point", "comma"] = "auto"
    encoding: str | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    not_after: int | None = None
    unsaid: Unsaid = field(default_factory=Unsaid)

    @classmethod
    def from_params(cls, params: Params) -> Wanted:
        """Collect the wanted columns; the mapping `prepare.columns` holds for files only.

        Raises:
            HostcastError: `prepare.columns` maps a name that no other param asks for, or a name is
                both a covariate and static.
        """
        settings = params.prepare
        targets = tuple(params.base.target_metrics)
        covariates, static = tuple(settings.covariates), tuple(settings.static)
        both = sorted(set(covariates) & set(static))
        if both:
            raise HostcastError(
                f"prepare.covariates and prepare.static both name {both}",
                remedy="name each column in one of the two lists",
            )
        unsaid = Unsaid.from_params(settings.files) if settings.source == "files" else Unsaid()
        names = (*unsaid.keys, *targets, *covariates, *static)
        mapping = settings.columns if settings.source == "files" else {}
        unused = sorted(set(mapping) - set(names))
        if unused:
            raise HostcastError(
                f"prepare.columns maps {unused}, which is none of the wanted columns {list(names)}",
                remedy="write hostcast's name first, the source's second, e.g. {cpu_percent: cpu}; "
                "new metrics also go into base.target_metrics or prepare.covariates",
            )
        totals = {
            name: unit.bytes_of if isinstance(unit, BytesOf) else unit.free_of
            for name, unit in settings.units.items()
            if isinstance(unit, BytesOf | FreeOf)
        }
        return cls(
            targets,
            covariates,
            static,
            sources={name: _several(mapping.get(name, name)) for name in names}
            | {total_of(name): (total,) for name, total in totals.items()},
            totals=totals,
            free=tuple(name for name, unit in settings.units.items() if isinstance(unit, FreeOf)),
            fractions=tuple(name for name, unit in settings.units.items() if unit == "fraction"),
            counters=tuple(name for name in (*targets, *covariates) if name in settings.counters),
            sentinels=tuple(settings.sentinels),
            decimal=settings.decimal,
            encoding=settings.encoding,
            renames=settings.rename_servers,
            not_after=None if settings.not_after is None else micros_of(settings.not_after),
            unsaid=unsaid,
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Numeric columns: targets, then covariates."""
        return (*self.targets, *self.covariates)

    @property
    def source_names(self) -> Mapping[str, str]:
        """hostcast's name of every wanted column -> what the source calls it, in words."""
        return {name: " or ".join(sources) for name, sources in self.sources.items()}

    @property
    def in_source(self) -> tuple[str, ...]:
        """The source's names, each once."""
        return tuple(dict.fromkeys(source for sources in self.sources.values() for source in sources))


def _several(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)

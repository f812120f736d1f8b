"""Which column is a target, known ahead, observed or static: declared once, read by every later stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from hostcast import paths
from hostcast.errors import HostcastError
from hostcast.files import read_json, write_json

__all__ = ["Column", "Kind", "MadeBy", "Role", "Roles", "read_roles", "write_roles"]

Role = Literal["target", "observed", "known", "static"]
Kind = Literal["real", "categorical"]
MadeBy = Literal["telemetry", "calendar", "lag", "rolling", "interaction", "missing"]

_REMEDY = "make it anew: dvc repro featurize"


@dataclass(frozen=True)
class Column:
    """What a column is to the model.

    Attributes:
        role: target; observed = known up to the cutoff; known = known over the horizon too; static = one
            value per server.
        kind: real or categorical.
        made_by: where it comes from.
        sources: the columns it is made from; none for telemetry.
    """

    role: Role
    kind: Kind
    made_by: MadeBy
    sources: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The column's entry in roles.json."""
        return {
            "role": self.role,
            "kind": self.kind,
            "made_by": self.made_by,
            "from": list(self.sources),
        }


@dataclass(frozen=True)
class Roles:
    """All columns of the features table but its key, in the table's order.

    Attributes:
        group: column that tells the series apart.
        time: column of the timestamps.
        freq: length of one step, e.g. 5min.
        columns: name -> what it is.
    """

    group: str
    time: str
    freq: str
    columns: Mapping[str, Column] = field(default_factory=dict)

    @property
    def targets(self) -> list[str]:
        """Columns to forecast."""
        return self.having("target")

    @property
    def measured(self) -> list[str]:
        """Numbers as the telemetry has them: the targets, and what was observed beside them."""
        return [name for name in self.made_by("telemetry") if self.columns[name].role != "static"]

    @property
    def known_reals(self) -> list[str]:
        """Numbers known over the horizon."""
        return self.having("known", "real")

    @property
    def known_categoricals(self) -> list[str]:
        """Categories known over the horizon."""
        return self.having("known", "categorical")

    @property
    def observed_reals(self) -> list[str]:
        """Numbers known up to the cutoff, without the targets."""
        return self.having("observed", "real")

    @property
    def observed_categoricals(self) -> list[str]:
        """Categories known up to the cutoff."""
        return self.having("observed", "categorical")

    @property
    def static_reals(self) -> list[str]:
        """Numbers that belong to a server."""
        return self.having("static", "real")

    @property
    def static_categoricals(self) -> list[str]:
        """Categories that belong to a server."""
        return self.having("static", "categorical")

    def having(self, role: Role, kind: Kind | None = None) -> list[str]:
        """Names of the columns of a role, and of a kind where one is given, in the table's order."""
        return [
            name
            for name, column in self.columns.items()
            if column.role == role and (kind is None or column.kind == kind)
        ]

    def made_by(self, maker: MadeBy) -> list[str]:
        """Names of the columns that come from `maker`, in the table's order."""
        return [name for name, column in self.columns.items() if column.made_by == maker]

    def to_dict(self) -> dict[str, Any]:
        """The content of roles.json."""
        return {
            "group": self.group,
            "time": self.time,
            "freq": self.freq,
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, file: Path | None = None) -> Roles:
        """The reverse of `to_dict`.

        Args:
            file: where the content was read, for the message.

        Raises:
            HostcastError: a key is missing, or a role, kind or maker is unknown.
        """
        try:
            columns = {
                name: Column(
                    role=_one_of(entry["role"], Role, name, file),
                    kind=_one_of(entry["kind"], Kind, name, file),
                    made_by=_one_of(entry["made_by"], MadeBy, name, file),
                    sources=tuple(entry["from"]),
                )
                for name, entry in content["columns"].items()
            }
            return cls(group=content["group"], time=content["time"], freq=content["freq"], columns=columns)
        except KeyError as error:
            raise HostcastError(f"lacks the key {error}", file=file, remedy=_REMEDY) from None
        except (TypeError, AttributeError):
            raise HostcastError("does not describe the roles of columns", file=file, remedy=_REMEDY) from None


def read_roles(path: Path = paths.ROLES) -> Roles:
    """Read roles.json.

    Raises:
        HostcastError: the file is missing, is no JSON or does not describe roles.
    """
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise HostcastError("there are no roles of columns", file=path, remedy=_REMEDY) from None
    except ValueError as error:
        raise HostcastError(f"not readable as JSON: {error}", file=path, remedy=_REMEDY) from None
    return Roles.from_dict(content, file=path)


def write_roles(roles: Roles, path: Path = paths.ROLES) -> None:
    """Write roles.json."""
    write_json(path, roles.to_dict())


def _one_of(value: Any, choices: Any, column: str, file: Path | None) -> Any:
    allowed = get_args(choices)
    if value not in allowed:
        raise HostcastError(
            f"{value!r} is none of {', '.join(allowed)}", file=file, column=column, remedy=_REMEDY
        )
    return value

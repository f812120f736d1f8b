"""What the sections have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hostcast.params.dates import an_instant
from hostcast.params.lengths import length_of

__all__ = [
    "Instant",
    "Name",
    "NonNegativeInt",
    "PositiveInt",
    "Section",
    "a_length",
    "all_distinct",
    "without_reserved",
]

PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1)]
Instant = Annotated[str, BeforeValidator(an_instant)]

RESERVED_COLUMNS = ("server", "timestamp")


class Section(BaseModel):
    """Base of all sections: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def all_distinct(names: list[str]) -> list[str]:
    """A validator's check that no column is named twice."""
    if len(set(names)) != len(names):
        raise ValueError("names a column twice")
    return names


def without_reserved(names: list[str]) -> list[str]:
    """A validator's check that no column is the key of the rows."""
    reserved = [name for name in names if name in RESERVED_COLUMNS]
    if reserved:
        raise ValueError(f"{reserved} is the key of every row and can't be a value")
    return names


def a_length(value: str | None) -> str | None:
    """A validator's check that a length of time is one; None stays."""
    if value is not None:
        length_of(value)
    return value

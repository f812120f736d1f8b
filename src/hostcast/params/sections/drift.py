"""Section `drift`: from when on a model should be trained anew."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from hostcast.params.sections.section import PositiveInt, Section, a_length

__all__ = ["DriftParams"]


class DriftParams(Section):
    recent: str | None
    psi: Annotated[float, Field(gt=0)]
    psi_watch: Annotated[float, Field(gt=0)]
    min_values: PositiveInt
    drifted_servers: Annotated[float, Field(ge=0, le=1)]
    new_servers: Annotated[float, Field(ge=0, le=1)]
    missing_rise: Annotated[float, Field(ge=0, le=1)]
    silent_after: str
    max_age: str | None

    @field_validator("recent", "silent_after", "max_age")
    @classmethod
    def _a_length(cls, value: str | None) -> str | None:
        return a_length(value)

    @model_validator(mode="after")
    def _watch_comes_first(self) -> DriftParams:
        if self.psi_watch > self.psi:
            raise ValueError(f"psi_watch {self.psi_watch} exceeds psi {self.psi}")
        return self

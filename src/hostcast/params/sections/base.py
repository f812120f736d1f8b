"""Section `base`: what all stages agree on."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
from pydantic import Field, field_validator

from hostcast.params.lengths import length_of
from hostcast.params.sections.section import Name, Section, all_distinct, without_reserved

__all__ = ["BaseParams"]


class BaseParams(Section):
    random_seed: Annotated[int, Field(ge=0, lt=2**32)]
    freq: str
    target_metrics: Annotated[list[Name], Field(min_length=1)]

    @field_validator("freq")
    @classmethod
    def _fixed_length(cls, value: str) -> str:
        length_of(value)
        return value

    @field_validator("target_metrics")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        return without_reserved(all_distinct(value))

    @property
    def step(self) -> pd.Timedelta:
        """Length of one step."""
        return length_of(self.freq)

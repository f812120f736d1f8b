"""Section `evaluate`: which forecasts are made and scored."""

from __future__ import annotations

import itertools
from typing import Annotated

from pydantic import Field, field_validator

from hostcast.params.sections.section import NonNegativeInt, PositiveInt, Section

__all__ = ["EvaluateParams"]

SCORED_QUANTILES = (0.1, 0.5, 0.9)


class EvaluateParams(Section):
    quantiles: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]
    stride: PositiveInt
    season: PositiveInt
    batch_size: PositiveInt
    plot_servers: NonNegativeInt

    @field_validator("quantiles")
    @classmethod
    def _rising_and_scorable(cls, value: list[float]) -> list[float]:
        if any(low >= high for low, high in itertools.pairwise(value)):
            raise ValueError(f"{value} must rise")
        absent = [level for level in SCORED_QUANTILES if level not in value]
        if absent:
            raise ValueError(f"lacks {absent}, which the score is made of")
        return value

"""Section `evaluate`: which forecasts are made and scored."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import Field, field_validator

from hostcast.params.sections.section import NonNegativeInt, PositiveInt, Section

__all__ = ["BaselineName", "EvaluateParams", "LightgbmParams"]

SCORED_QUANTILES = (0.1, 0.5, 0.9)

BaselineName = Literal["last_value", "seasonal_naive", "theta", "lightgbm"]


class LightgbmParams(Section):
    rows: PositiveInt
    rounds: PositiveInt
    leaves: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]


class EvaluateParams(Section):
    quantiles: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]
    stride: PositiveInt
    season: PositiveInt
    batch_size: PositiveInt
    plot_servers: NonNegativeInt
    baselines: Annotated[list[BaselineName], Field(min_length=1)]
    lightgbm: LightgbmParams
    resamples: NonNegativeInt

    @field_validator("quantiles")
    @classmethod
    def _rising_and_scorable(cls, value: list[float]) -> list[float]:
        if any(low >= high for low, high in itertools.pairwise(value)):
            raise ValueError(f"{value} must rise")
        absent = [level for level in SCORED_QUANTILES if level not in value]
        if absent:
            raise ValueError(f"lacks {absent}, which the score is made of")
        return value

    @field_validator("baselines")
    @classmethod
    def _each_once(cls, value: list[BaselineName]) -> list[BaselineName]:
        if len(set(value)) != len(value):
            raise ValueError(f"{value} names a baseline twice")
        return value

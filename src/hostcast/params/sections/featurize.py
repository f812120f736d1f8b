"""Section `featurize`: what inputs are made of the telemetry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hostcast.params.sections.section import Name, PositiveInt, Section

__all__ = ["FeaturizeParams"]

RollingStatistic = Literal["mean", "std", "min", "max"]


class FeaturizeParams(Section):
    time_of_day: bool
    day_of_week: bool
    lags: list[PositiveInt]
    lagged: list[Name] | None
    rolling_windows: list[Annotated[int, Field(ge=2)]]
    rolling_statistics: list[RollingStatistic]
    interactions: list[Annotated[list[Name], Field(min_length=2, max_length=2)]]
    missing_indicators: bool

    @field_validator("lags", "rolling_windows")
    @classmethod
    def _distinct_steps(cls, value: list[int]) -> list[int]:
        if len(set(value)) != len(value):
            raise ValueError("names a number twice")
        return value

    @model_validator(mode="after")
    def _windows_have_statistics(self) -> FeaturizeParams:
        if self.rolling_windows and not self.rolling_statistics:
            raise ValueError("rolling_windows needs at least one entry in rolling_statistics, e.g. [mean]")
        return self

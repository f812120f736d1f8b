"""Of section `prepare`: what each source of telemetry needs to be told."""

from __future__ import annotations

from typing import Annotated, Literal

import pandas as pd
from pydantic import BeforeValidator, Field, field_validator, model_validator

from hostcast.params.addresses import bare_url
from hostcast.params.dates import a_start, an_instant, shown_instant
from hostcast.params.sections.section import Instant, Name, PositiveInt, Section, a_length

__all__ = ["FilesParams", "PrometheusParams", "SimulateParams"]


class FilesParams(Section):
    endings: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], Literal["csv", "json", "jsonl", "parquet"]
    ]
    header: bool
    server: Literal["column", "file_name"]
    time: Literal["column", "seconds", "row_number"]
    start: Annotated[str | None, BeforeValidator(an_instant)]
    freq: str | None

    @field_validator("freq")
    @classmethod
    def _fixed_length(cls, value: str | None) -> str | None:
        return a_length(value)

    @model_validator(mode="after")
    def _time_is_told(self) -> FilesParams:
        if self.time != "column" and self.start is None:
            raise ValueError(f'time {self.time} needs a start, e.g. "2025-01-06"')
        if self.time == "row_number" and self.freq is None:
            raise ValueError("time row_number needs a freq, the distance of rows, e.g. 1min")
        if self.time == "row_number" and self.server != "file_name":
            raise ValueError("time row_number needs server file_name: rows are counted by server")
        return self


class PrometheusParams(Section):
    url: Name
    start: Instant
    end: Instant
    server_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    selector: str
    queries: dict[Name, Name]

    @field_validator("url")
    @classmethod
    def _without_secrets(cls, value: str) -> str:
        return bare_url(value)

    @model_validator(mode="after")
    def _start_before_end(self) -> PrometheusParams:
        if pd.Timestamp(self.start) >= pd.Timestamp(self.end):
            raise ValueError(
                f"prepare.prometheus.start {shown_instant(self.start)} must be before "
                f"prepare.prometheus.end {shown_instant(self.end)}"
            )
        return self


class SimulateParams(Section):
    servers: PositiveInt
    days: Annotated[int, Field(ge=2)]
    start: Annotated[str, BeforeValidator(lambda value: str(value))]
    gap_rate: Annotated[float, Field(ge=0, le=0.5)]

    @field_validator("start")
    @classmethod
    def _a_date(cls, value: str) -> str:
        return a_start(value)

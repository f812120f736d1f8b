"""Section `prepare`: where telemetry comes from, and how what is wrong with it is treated."""

from __future__ import annotations

from typing import Annotated, Literal

import pandas as pd
from pydantic import BeforeValidator, Field, field_validator

from hostcast.params.dates import an_instant
from hostcast.params.sections.section import (
    Name,
    PositiveInt,
    Section,
    a_length,
    all_distinct,
    without_reserved,
)
from hostcast.params.sections.sources import FilesParams, PrometheusParams, SimulateParams

__all__ = ["BytesOf", "FreeOf", "PrepareParams"]


class BytesOf(Section):
    bytes_of: Name


class FreeOf(Section):
    free_of: Name


class PrepareParams(Section):
    engine: Literal["local", "ray"]
    source: Literal["simulate", "files", "prometheus"]
    path: Name
    files: FilesParams
    columns: dict[str, Name | Annotated[list[Name], Field(min_length=1)]]
    covariates: list[Name]
    static: list[Name]
    timezone: str
    encoding: str | None
    decimal: Literal["auto", "point", "comma"]
    on_bad_file: Literal["fail", "skip"]
    sentinels: list[float]
    units: dict[str, Literal["fraction"] | BytesOf | FreeOf]
    counters: list[Name]
    rename_servers: dict[str, Name]
    not_after: Annotated[str | None, BeforeValidator(an_instant)]
    max_clock_skew: str | None
    ranges: dict[str, Annotated[list[float | None], Field(min_length=2, max_length=2)]]
    min_rows: PositiveInt
    on_empty_server: Literal["fail", "drop"]
    prometheus: PrometheusParams
    simulate: SimulateParams

    @field_validator("covariates", "static")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        return without_reserved(all_distinct(value))

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            pd.Timestamp(0, tz=value)
        except Exception:  # zoneinfo, pytz and dateutil each raise their own type
            raise ValueError(f"{value!r} is not a time zone; write e.g. UTC or Europe/Berlin") from None
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                "".encode(value)
            except LookupError:
                raise ValueError(f"{value!r} is not a text encoding; write e.g. latin-1 or cp1252") from None
        return value

    @field_validator("counters")
    @classmethod
    def _named_once(cls, value: list[str]) -> list[str]:
        return all_distinct(value)

    @field_validator("rename_servers")
    @classmethod
    def _final_names(cls, value: dict[str, str]) -> dict[str, str]:
        twice = sorted(set(value) & set(value.values()))
        if twice:
            raise ValueError(f"{twice} is both an old and a new name; write the name that holds in the end")
        return value

    @field_validator("max_clock_skew")
    @classmethod
    def _a_length(cls, value: str | None) -> str | None:
        return a_length(value)

    @field_validator("ranges")
    @classmethod
    def _low_below_high(cls, value: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
        for name, (low, high) in value.items():
            if low is not None and high is not None and low >= high:
                raise ValueError(f"{name}: the low end {low} is not below the high end {high}")
        return value

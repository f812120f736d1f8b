"""Section `calibration`: how intervals are made to hold what they promise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hostcast.params.sections.section import PositiveInt, Section

__all__ = ["CalibrationParams"]


class CalibrationParams(Section):
    method: Literal["none", "conformal", "adaptive"]
    rate: Annotated[float, Field(gt=0, le=1)]
    windows: PositiveInt | None
    scores: PositiveInt
    shrinkage: Annotated[float, Field(gt=0)]

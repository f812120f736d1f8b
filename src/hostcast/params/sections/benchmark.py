"""Section `benchmark`: what is measured, and how often."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from hostcast.params.sections.section import Name, PositiveInt, Section

__all__ = ["BenchmarkParams"]


class BenchmarkParams(Section):
    suite: Literal["quick", "full"]
    device: Literal["auto", "cpu", "cuda"]
    only: list[Name]
    engine_repeats: Literal["auto"] | PositiveInt
    seconds: Literal["auto"] | Annotated[float, Field(gt=0)]
    time_limit: Annotated[float, Field(gt=0)] | None
    quality_data: list[Name]
    quality_repeats: PositiveInt
    reference_recipe: dict[str, Any]
    fused_recipe: dict[str, Any]
    fused_recipe_cuda: dict[str, Any] | None
    same_recipe: bool
    repeats: PositiveInt
    batches: PositiveInt
    validation_batches: PositiveInt
    batch_size: PositiveInt
    num_workers: PositiveInt
    precision: Literal["16-mixed", "bf16-mixed"]

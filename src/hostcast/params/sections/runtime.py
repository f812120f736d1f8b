"""Section `runtime`: what only this machine cares about."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hostcast.params.sections.section import Name, NonNegativeInt, PositiveInt, Section

__all__ = ["PrometheusRuntime", "RuntimeParams"]


class PrometheusRuntime(Section):
    concurrency: PositiveInt
    chunk_steps: Annotated[int, Field(ge=1, le=11_000)]
    answer_mib: PositiveInt
    timeout: Annotated[float, Field(gt=0, le=86_400)]
    retries: NonNegativeInt
    backoff: Annotated[float, Field(gt=0)]


class RuntimeParams(Section):
    num_workers: Literal["auto"] | NonNegativeInt
    pin_memory: bool
    persistent_workers: bool
    progress: bool
    accelerator: Literal["auto", "cpu", "gpu"]
    prometheus: PrometheusRuntime
    ray_address: Name | None

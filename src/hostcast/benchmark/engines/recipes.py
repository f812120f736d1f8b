"""What each engine trains with, for the time to quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from hostcast.errors import HostcastError
from hostcast.params import Params, TrainParams

__all__ = ["recipes"]


def recipes(params: Params, engines: Mapping[str, str]) -> dict[str, Params]:
    """By role, the params of a training: section `train`, with overrides of its own.

    Both are validated on the same windows, by the same loss.

    Args:
        params: the project's params.
        engines: names of the engines by role, reference and fused.

    Raises:
        HostcastError: the overrides don't make a valid section `train`.
    """
    budget = params.benchmark
    reference = _overridden(params, budget.reference_recipe, "reference", engines)
    same = {
        "validation_windows": reference.train.validation_windows,
        "target_weights": reference.train.target_weights,
    }
    fused = _overridden(params, {**budget.fused_recipe, **same}, "fused", engines)
    return {"reference": reference, "fused": fused}


def _overridden(params: Params, changes: Mapping[str, Any], role: str, engines: Mapping[str, str]) -> Params:
    own = {"engine": engines[role], "tensorboard_enabled": False}
    content = {**params.train.model_dump(), **changes, **own}
    try:
        train_params = TrainParams.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise HostcastError(
            f"benchmark.{role}_recipe: {place}: {first['msg']}",
            file="params.yaml",
            remedy="name keys of section train there, with values that train.* may have",
        ) from None
    return params.model_copy(update={"train": train_params})

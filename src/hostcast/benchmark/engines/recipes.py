"""What each engine trains with, for the time to quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hostcast.benchmark.engines.shapes import Device
from hostcast.errors import HostcastError
from hostcast.params import Params, TrainParams
from hostcast.paths import PARAMS

__all__ = ["Recipes", "make_recipes"]


@dataclass(frozen=True)
class Recipes:
    """Section `train` of the params, and what each engine trains with instead.

    Attributes:
        project: the project's params.
        reference, fused: the same with a section `train` of the role's own.
        same: whether the reference engine trains with the fused one's recipe.
    """

    project: Params
    reference: Params
    fused: Params
    same: bool

    def changes(self) -> dict[str, dict[str, Any]]:
        """By role, the keys of section `train` that are not as in the project, and their values."""
        usual = self.project.train.model_dump()
        own = {"reference": self.reference.train.model_dump(), "fused": self.fused.train.model_dump()}
        return {
            role: {key: value for key, value in content.items() if value != usual[key]}
            for role, content in own.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {"train": self.project.train.model_dump(), "same_recipe": self.same, **self.changes()}


def make_recipes(params: Params, engines: Mapping[str, str], device: Device) -> Recipes:
    """What section `benchmark` asks for; both are validated on the same windows, by the same loss.

    Args:
        params: the project's params.
        engines: names of the engines by role, reference and fused.
        device: what they train on.

    Raises:
        HostcastError: the overrides don't make a valid section `train`.
    """
    budget = params.benchmark
    own_key = "fused_recipe"
    fused = budget.fused_recipe
    if device == "cuda" and budget.fused_recipe_cuda is not None:
        own_key, fused = "fused_recipe_cuda", budget.fused_recipe_cuda
    key, recipe = (own_key, fused) if budget.same_recipe else ("reference_recipe", budget.reference_recipe)
    reference = _overridden(params, recipe, key, engines["reference"])
    shared = {
        "validation_windows": reference.train.validation_windows,
        "target_weights": reference.train.target_weights,
    }
    return Recipes(
        project=params,
        reference=reference,
        fused=_overridden(params, {**fused, **shared}, own_key, engines["fused"]),
        same=budget.same_recipe,
    )


def _overridden(params: Params, recipe: Mapping[str, Any], key: str, engine: str) -> Params:
    own = {"engine": engine, "tensorboard_enabled": False}
    content = {**params.train.model_dump(), **recipe, **own}
    try:
        train_params = TrainParams.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        # what concerns several keys names them itself
        place = [".".join(map(str, first["loc"]))] if first["loc"] else []
        raise HostcastError(
            ": ".join([f"benchmark.{key}", *place, first["msg"].removeprefix("Value error, ")]),
            file=PARAMS,
            remedy="name keys of section train there, with values that train.* may have",
        ) from None
    return params.model_copy(update={"train": train_params})

"""Time to quality in words and tables."""

from __future__ import annotations

from typing import Any

from hostcast.benchmark.engines.recipes import Recipes
from hostcast.benchmark.engines.run import EngineRuns
from hostcast.benchmark.markdown import table

__all__ = ["quality_method", "render_quality"]


def render_quality(done: EngineRuns) -> str:
    """Markdown: a row for each training, and what the engines were trained with."""
    rows = [
        [
            run.data,
            str(run.course.seed),
            run.role,
            f"{run.goal:.5f}",
            "not reached" if run.seconds is None else f"{run.seconds:.1f}",
            f"{run.course.best:.5f}",
            str(len(run.course.validations)),
        ]
        for run in done.quality
    ]
    titles = ["Data", "Seed", "Engine", "Goal (val_loss)", "Reached after, s", "Best val_loss", "Validations"]
    return f"{table(titles, rows)}\n\n{_recipes(done.recipes)}"


def quality_method(done: EngineRuns) -> str:
    """How it was measured."""
    recipe = "the fused engine's recipe for both" if done.recipes.same else "each with its own recipe"
    return (
        "Time to quality: seconds from before the data is read until the first validation with a loss "
        "as low as the reference engine's best at the end of its own training (early stopping "
        "included). Both are trained by `hostcast.training.train`, with the same seed and the same "
        f"validation windows, {recipe}. A median over seeds is that of the seeds that reached the goal, and "
        "says of how many; a ratio is given only if all of them did."
    )


def _recipes(recipes: Recipes) -> str:
    said = {role: _listed(changes) for role, changes in recipes.changes().items()}
    own = f"reference: {said['reference']}; fused: {said['fused']}."
    if recipes.same:
        return f"Both engines were trained with the fused one's recipe. Unlike `train.*`, {own}"
    return f"Each engine was trained with a recipe of its own. Unlike `train.*`, {own}"


def _listed(changes: dict[str, Any]) -> str:
    return ", ".join(f"`{key}: {_yaml(value)}`" for key, value in changes.items()) or "nothing"


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)

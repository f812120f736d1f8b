"""Gradient boosting: LightGBM's quantile regression, one global model per target and level."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.evaluation.baselines.boosting_examples import Examples, drawn, fleet_seen, validated
from hostcast.evaluation.baselines.boosting_inputs import Seen
from hostcast.evaluation.baselines.intervals import fill_intervals
from hostcast.evaluation.baselines.points import carry
from hostcast.evaluation.baselines.stretching import Stretch, fit_stretch
from hostcast.evaluation.baselines.table import table_of
from hostcast.evaluation.baselines.task import Floats, Series, Task, typical
from hostcast.evaluation.metrics import SCORED_LEVELS
from hostcast.params import LightgbmParams

if TYPE_CHECKING:
    import lightgbm

__all__ = ["boosted"]

logger = logging.getLogger(__name__)

# trees without a better validation loss before training stops
_PATIENCE = 20
_MOST_IN_A_LEAF = 100


@dataclass(frozen=True)
class _Model:
    """One target's boosters, by level of SCORED_LEVELS, and how far their quantiles are stretched."""

    boosters: list[lightgbm.Booster]
    stretch: Stretch

    def quantiles(self, seen: Seen, pool: ThreadPoolExecutor) -> Floats:
        """(forecasts, levels), in the target's unit."""
        return self.stretch.apply(_predicted(self.boosters, seen, pool))


def boosted(series: Sequence[Series], task: Task, params: LightgbmParams, seed: int) -> pd.DataFrame:
    """Learn from the training spans, stop and stretch by the validation spans, forecast every cutoff.

    Direct: one model answers for all steps ahead, which is one of its inputs. A server that was never
    observed up to the cutoff takes the quantiles of all servers' values; a target that was never observed in
    a training span is forecast by its last value.

    Args:
        series: the servers.
        task: what to forecast.
        params: size of the models.
        seed: of the examples that are drawn and of LightGBM.

    Raises:
        HostcastError: LightGBM can't be loaded, or a target has no value before the test span.
    """
    fleet = fleet_seen(series, task)
    blocks = task.blocks(series)
    # one thread for each booster: the same bytes on any number of cores
    with ThreadPoolExecutor(_cores()) as pool:
        for position, target in enumerate(task.targets):
            unknown = typical(series, position, target, task.levels)
            training = drawn(fleet, position, task.horizon, params.rows, seed)
            if not len(training.actual):
                logger.warning("LightGBM has nothing to learn %r from: it carries the last value", target)
                fill_intervals(series, carry, position, task, blocks)
                continue
            model = _train(training, validated(fleet, position, task.horizon), task, params, seed, pool)
            for one, history, block in zip(series, fleet.histories, blocks, strict=True):
                if not len(one.cutoff_rows):
                    continue
                rows = np.repeat(one.cutoff_rows, task.horizon)
                ahead = np.tile(np.arange(1, task.horizon + 1), len(one.cutoff_rows))
                seen = history.seen(position, rows, ahead, fleet.floors)
                quantiles = model.quantiles(seen, pool)
                quantiles = np.where(np.isfinite(seen.last)[:, None], quantiles, unknown)
                block[:, position] = quantiles.reshape(-1, task.horizon, len(task.levels))
    return table_of(series, blocks, task)


def _train(
    training: Examples,
    validation: Examples,
    task: Task,
    params: LightgbmParams,
    seed: int,
    pool: ThreadPoolExecutor,
) -> _Model:
    library = _lightgbm()
    boosters = list(
        pool.map(lambda level: _fit(library, training, validation, level, params, seed), SCORED_LEVELS)
    )
    predicted = _predicted(boosters, validation.seen, pool)
    return _Model(boosters, fit_stretch(predicted, validation.actual, task.levels))


def _fit(
    library: Any, training: Examples, validation: Examples, level: float, params: LightgbmParams, seed: int
) -> lightgbm.Booster:
    settings: dict[str, Any] = {
        "objective": "quantile",
        "alpha": level,
        "metric": "quantile",
        "num_leaves": params.leaves,
        "learning_rate": params.learning_rate,
        # few examples would otherwise not be split at all
        "min_data_in_leaf": min(_MOST_IN_A_LEAF, len(training.actual) // 200 + 1),
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "max_bin": 127,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = _dataset(library, training, settings)
    held: dict[str, Any] = {}
    if len(validation.actual):
        held["valid_sets"] = [_dataset(library, validation, settings, data)]
        held["callbacks"] = [library.early_stopping(_PATIENCE, verbose=False)]
    booster: lightgbm.Booster = library.train(settings, data, params.rounds, **held)
    return booster


def _dataset(
    library: Any, examples: Examples, settings: dict[str, Any], reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    scale = examples.seen.scale
    data: lightgbm.Dataset = library.Dataset(
        examples.seen.inputs,
        examples.seen.relative(examples.actual),
        # the loss counts in the target's unit, as the score does
        weight=scale / scale.mean(),
        reference=reference,
        params=settings,
    )
    return data


def _predicted(boosters: Sequence[lightgbm.Booster], seen: Seen, pool: ThreadPoolExecutor) -> Floats:
    """Quantiles of SCORED_LEVELS in order: (forecasts, 3)."""
    if not len(seen.last):
        return np.empty((0, len(boosters)))
    columns = pool.map(lambda booster: booster.predict(seen.inputs, num_threads=1), boosters)
    return seen.absolute(np.sort(np.column_stack(list(columns)), axis=1))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lightgbm() -> Any:
    # torch brings the OpenMP library that LightGBM needs and that not every system has
    import torch  # noqa: F401

    try:
        import lightgbm as library
    except (ImportError, OSError) as error:
        raise HostcastError(
            f"LightGBM can't be loaded: {error}",
            remedy="install it (pip install lightgbm), or take lightgbm out of evaluate.baselines",
        ) from None
    return library

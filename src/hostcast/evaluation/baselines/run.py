"""The baselines that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from hostcast.evaluation.baselines.boosting import boosted
from hostcast.evaluation.baselines.intervals import with_intervals
from hostcast.evaluation.baselines.points import Rule, carry, season_ago
from hostcast.evaluation.baselines.task import Spans, Task, fleet_of
from hostcast.evaluation.baselines.theta import theta_rule
from hostcast.params import BaselineName, LightgbmParams

__all__ = ["make_baselines"]

_RULES: Mapping[BaselineName, Callable[[int], Rule]] = {
    "last_value": lambda season: carry,
    "seasonal_naive": season_ago,
    "theta": theta_rule,
}


def make_baselines(
    names: Sequence[BaselineName],
    telemetry: pd.DataFrame,
    cutoffs: pd.DataFrame,
    training: Spans,
    validation: Spans,
    test_start: Mapping[str, pd.Timestamp],
    task: Task,
    *,
    lightgbm: LightgbmParams,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Forecast every cutoff by each baseline.

    What is fitted is fitted on the training span, what is chosen is chosen by the validation span, and
    intervals are those of errors from before the test span; see `fleet_of` for the other arguments.

    Returns:
        name -> server, cutoff, timestamp, target, q<level>..., sorted by server and cutoff.

    Raises:
        HostcastError: a target has no value where one is needed, or a library can't be loaded.
        ValueError: a cutoff is no row of its server.
    """
    fleet = fleet_of(telemetry, cutoffs, training, validation, test_start, task.targets)
    made = {}
    for name in names:
        if name == "lightgbm":
            made[str(name)] = boosted(fleet, task, lightgbm, seed)
        else:
            made[str(name)] = with_intervals(fleet, _RULES[name](task.season), task)
    return made

"""The small, fixed piece of the data that every run trains on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from hostcast.benchmark.gains.configurations import EPOCHS
from hostcast.params import Params
from hostcast.splitting import Split

__all__ = ["SERVERS", "Workload", "make_workload"]

Part = Literal["train", "validation"]
PARTS: tuple[Part, ...] = ("train", "validation")
SERVER, POSITION = "server", "position"
SERVERS = 4


@dataclass(frozen=True)
class Workload:
    """Rows of a few servers, and the windows in them.

    Attributes:
        features: rows of the features table that the windows read, and hardly more: setting up a data set
            takes time and memory for each row.
        train: cutoffs to draw training windows from, columns server and position (row in `features`).
        validation: cutoffs of the validation windows.
    """

    features: pd.DataFrame
    train: pd.DataFrame
    validation: pd.DataFrame


def make_workload(features: pd.DataFrame, split: Split, params: Params) -> Workload:
    """Choose windows: the latest training windows of a few servers drawn by the seed, and validation windows
    evenly spread over the validation span of the same servers.

    Args:
        features: the features table, sorted by server and timestamp.
        split: all cutoffs.
        params: base.random_seed, sections benchmark and split.
    """
    budget = params.benchmark
    parts: dict[Part, pd.DataFrame] = {part: split.cutoffs(part) for part in PARTS}
    common = sorted(set.intersection(*(set(cutoffs[SERVER]) for cutoffs in parts.values())))
    rng = np.random.default_rng(params.base.random_seed)
    chosen = {part: _draw(common or sorted(set(cutoffs[SERVER])), rng) for part, cutoffs in parts.items()}
    if common:
        chosen["validation"] = chosen["train"]
    here = {part: cutoffs[cutoffs[SERVER].isin(chosen[part])] for part, cutoffs in parts.items()}

    drawn = EPOCHS * budget.batches * budget.batch_size
    train = here["train"].groupby(SERVER, sort=True).tail(-(-drawn // len(chosen["train"])))
    validation = _evenly(here["validation"], budget.validation_batches * budget.batch_size)
    return _cropped(features, train, validation, params)


def _draw(servers: list[str], rng: np.random.Generator) -> list[str]:
    return sorted(rng.choice(servers, size=min(SERVERS, len(servers)), replace=False).tolist())


def _evenly(cutoffs: pd.DataFrame, most: int) -> pd.DataFrame:
    places = np.linspace(0, len(cutoffs) - 1, min(most, len(cutoffs))).round().astype(int)
    return cutoffs.iloc[places]


def _cropped(
    features: pd.DataFrame, train: pd.DataFrame, validation: pd.DataFrame, params: Params
) -> Workload:
    both = pd.concat([train, validation]).groupby(SERVER)[POSITION]
    # windows count positions from a server's first row, which moves with the crop
    first = (both.min() - params.split.encoder_length + 1).clip(lower=0)
    last = both.max() + params.split.horizon
    rows = features[features[SERVER].isin(first.index)]
    position = features.groupby(SERVER, sort=False).cumcount().loc[rows.index]
    kept = (position >= rows[SERVER].map(first)) & (position <= rows[SERVER].map(last))

    def moved(cutoffs: pd.DataFrame) -> pd.DataFrame:
        place = cutoffs[POSITION] - cutoffs[SERVER].map(first)
        return pd.DataFrame({SERVER: cutoffs[SERVER], POSITION: place.astype("int64")}).reset_index(drop=True)

    return Workload(rows[kept.to_numpy()].reset_index(drop=True), moved(train), moved(validation))

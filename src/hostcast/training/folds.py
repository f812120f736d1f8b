"""A model for each walk-forward fold, finished ones kept until all of the stage is done."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostcast.errors import HostcastError
from hostcast.features import FeatureTable, Roles
from hostcast.files import sha256_of, write_json
from hostcast.model import Model, load_model, save_model
from hostcast.params import Params
from hostcast.paths import SPLIT, WINDOWS
from hostcast.splitting import Split, fold_files
from hostcast.training.resume import RunState, run_key
from hostcast.training.whole import train_model

__all__ = ["FoldModels", "train_folds"]

log = logging.getLogger(__name__)

INDEX = "folds.json"


@dataclass(frozen=True)
class FoldModels:
    """Trained models of all folds, where an interruption of what comes after them leaves them.

    Attributes:
        kept: their folders, the earliest fold first.
        facts: what training says of each.
    """

    kept: list[Path]
    facts: list[dict[str, Any]]

    def write(self, folder: Path) -> None:
        """Copy them to `folder`, each under its number, and list them in folds.json."""
        shutil.rmtree(folder, ignore_errors=True)
        for number, place in enumerate(self.kept, start=1):
            shutil.copytree(place, folder / str(number))
        # without a fold, too: DVC wants the folder that it was promised
        write_json(folder / INDEX, {"folds": self.facts})

    def finish(self) -> None:
        """Drop what was kept."""
        for place in self.kept:
            shutil.rmtree(place, ignore_errors=True)


def train_folds(
    features: FeatureTable,
    roles: Roles,
    split: Split,
    params: Params,
    provenance: dict[str, Any],
    state_folder: Path,
    *,
    inputs: Iterable[Path] = (SPLIT, WINDOWS),
) -> FoldModels:
    """Train a model on each fold as the whole is trained, on the fold's own training span alone.

    Args:
        features: the features table.
        roles: each column's role.
        split: with its folds.
        params: all params.
        provenance: of the whole's training.
        state_folder: parent of all runs' folders.
        inputs: split.json and the window index of the whole, beside which those of the folds lie.

    Raises:
        HostcastError: see `train`.
    """
    kept, facts = [], []
    split_path, windows_path = inputs
    for number, fold in enumerate(split.folds, start=1):
        own = {path.as_posix(): sha256_of(path) for path in fold_files(number, split_path, windows_path)}
        origin = {**provenance, "fold": number, "inputs": {**provenance["inputs"], **own}}
        state = RunState(state_folder, run_key(origin))
        # a neighbour of the runs, so that it is dropped like them when nobody comes back for it
        place = state.folder.with_name(f"{state.folder.name}-model")
        model = _finished(place)
        if model is None:
            log.info("fold %d of %d", number, len(split.folds))
            model, _ = train_model(features, roles, fold, params, state, origin)
            save_model(model, place)
            state.drop()
        else:
            log.info("fold %d of %d was trained before the interruption", number, len(split.folds))
        kept.append(place)
        facts.append({"fold": number, **model.provenance["training"]})
    return FoldModels(kept, facts)


def _finished(place: Path) -> Model | None:
    if not place.is_dir():
        return None
    try:
        return load_model(place)
    except HostcastError as error:
        log.warning("the model that an interrupted run kept is no use: %s", error)
        return None

"""A model from training to the last step: chosen, calibrated, trained anew on all there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hostcast.features import FeatureTable, Roles
from hostcast.forecasting import calibrate
from hostcast.model import Model
from hostcast.params import Params
from hostcast.splitting import Split
from hostcast.training.fit import Trained, TrainingFolders, train
from hostcast.training.refit import refit
from hostcast.training.resume import RunState

__all__ = ["train_model"]


def train_model(
    features: FeatureTable,
    roles: Roles,
    split: Split,
    params: Params,
    state: RunState,
    provenance: dict[str, Any],
    folders: TrainingFolders | None = None,
) -> tuple[Model, Trained]:
    """Train a model, and calibrate and refit it as the params say.

    Corrections of intervals come from the network that has not seen the validation span; the one that is
    trained anew keeps them, as there is nothing left that it could be calibrated on.

    Args:
        features, roles, split, params, state, folders: see `train`.
        provenance: of the training, for the model.

    Returns:
        The model, and how its training went.

    Raises:
        HostcastError: see `train`.
    """
    trained = train(features, roles, split, params, state, folders)
    chosen = _model(trained, params, provenance)
    windows = split.cutoff_runs("validation").thinned(params.calibration.windows)
    calibration = calibrate(chosen, features, windows, until=split.last_of_validation(), params=params)
    if params.train.refit:
        trained = refit(trained, features, roles, split, params, state)
    return replace(_model(trained, params, provenance), calibration=calibration), trained


def _model(trained: Trained, params: Params, provenance: dict[str, Any]) -> Model:
    return Model(
        trained.network,
        trained.spec,
        trained.architecture,
        params.train.engine,
        {"training": trained.metrics, **provenance},
    )

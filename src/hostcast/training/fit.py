"""Training, from the features table to the best network."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor
from lightning.pytorch.loggers import TensorBoardLogger

from hostcast.engines import Architecture, Engine, LoaderOptions, Network, get_engine
from hostcast.features import FeatureTable, Roles
from hostcast.machine import loader_options, uses_gpu
from hostcast.params import Params
from hostcast.splitting import Split
from hostcast.training.callbacks import (
    EpochLines,
    EpochSeeds,
    ForecastImages,
    History,
    ResumePoints,
    TopCheckpoints,
    WindowsPerSecondBar,
)
from hostcast.training.checkpoint_io import load_checkpoint, state_of
from hostcast.training.graphed import module_type
from hostcast.training.lr_finder import find_learning_rate
from hostcast.training.module import ForecastModule
from hostcast.training.resume import RunState
from hostcast.training.seeds import seed_everything
from hostcast.training.trainer import make_trainer, training_log_version
from hostcast.windows import EpochSampler, InputSpec, fit_inputs

__all__ = ["Trained", "TrainingFolders", "begin_at", "make_network", "train"]

log = logging.getLogger(__name__)

IMAGE_WINDOWS = 3
# without gradients to keep, larger batches cost no more memory and are faster
VALIDATION_BATCH = 512


@dataclass(frozen=True)
class TrainingFolders:
    """Where training leaves its traces; None = nowhere.

    Attributes:
        live: dvclive's folder.
        logs: TensorBoard's folder.
    """

    live: Path | None = None
    logs: Path | None = None


@dataclass(frozen=True)
class Trained:
    """The best network of a training run.

    Attributes:
        network: on the CPU, in evaluation mode.
        spec: its inputs.
        architecture: its sizes.
        history: one row per epoch.
        metrics: val_loss (of the best epoch), best_epoch (from 0), epochs run, learning_rate (peak).
    """

    network: Network
    spec: InputSpec
    architecture: Architecture
    history: pd.DataFrame
    metrics: dict[str, float | int] = field(default_factory=dict)


def train(
    features: FeatureTable,
    roles: Roles,
    split: Split,
    params: Params,
    state: RunState,
    folders: TrainingFolders | None = None,
    *,
    callbacks: Sequence[Callback] = (),
) -> Trained:
    """Train a model, or go on with the very same training if it was interrupted.

    Args:
        features: the features table, sorted by server and timestamp.
        roles: each column's role.
        split: cutoffs of training and validation windows.
        params: all params; sections prepare, benchmark and runtime don't change the result.
        state: keeps resume points; the run is identified by its key. It is the caller's to finish, once
            the result is safe.
        folders: where logs go.
        callbacks: more of Lightning's callbacks, for who looks on; the key knows nothing of them.

    Raises:
        HostcastError: the loss diverged, or a checkpoint could not be written.
    """
    folders = folders or TrainingFolders()
    engine = get_engine(params.train.engine)
    seed_everything(params.base.random_seed)
    spec = fit_inputs(features, roles, split, params)
    if spec.left_out:
        log.info("no input, as it does not vary over the training span: %s", ", ".join(spec.left_out))
    network = make_network(engine, spec, params)
    loaders = _loaders(engine, features, spec, split, params)
    point = state.find_point()
    if point is None:
        state.start_afresh(
            {
                "learning_rate": _learning_rate(network, engine, spec, params, loaders),
                "log_version": training_log_version(),
            }
        )
        log.info("training starts afresh")
    else:
        log.info("training resumes from epoch %d, step %d", point.epoch + 1, point.step)
    facts = state.facts()
    module = module_type(engine, params)(network, engine, spec, params.train, facts["learning_rate"])
    board = None
    if params.train.tensorboard_enabled and folders.logs is not None:
        board = TensorBoardLogger(folders.logs, name="tft_training", version=facts["log_version"])
    checkpoints = TopCheckpoints(state.checkpoints, params.train)
    history = History(folders.live)
    trainer = _trainer(params, state, checkpoints, history, board, loaders, callbacks)
    begin_at(loaders.train, 0 if point is None else point.epoch)
    trainer.fit(
        module,
        loaders.train,
        loaders.validation,
        ckpt_path=None if point is None else point.checkpoint,
    )
    assert checkpoints.best_model_score is not None, "params make sure that an epoch is saved"
    best = load_checkpoint(Path(checkpoints.best_model_path))
    network.load_state_dict(state_of(best, "network."))
    network.settle_unknown()
    network.cpu().eval()
    rows = pd.DataFrame(history.rows).astype({"epoch": int})
    return Trained(
        network,
        spec,
        Architecture.of(params.model),
        rows,
        {
            "val_loss": float(checkpoints.best_model_score),
            "best_epoch": int(best["epoch"]),
            "epochs": len(rows),
            "learning_rate": facts["learning_rate"],
        },
    )


def make_network(engine: Engine, spec: InputSpec, params: Params) -> Network:
    """A network as it is trained: fresh weights, and compiled layers where the params ask for them."""
    network = engine.network(spec, Architecture.of(params.model))
    if params.train.server_dropout:
        network.hide_servers(params.train.server_dropout)
    if params.train.compile and not uses_gpu(params.runtime):
        log.warning(
            "train.compile is true, but has no effect on a CPU: only a GPU trains with compiled layers"
        )
    elif params.train.compile:
        network.compile_layers()
    return network


@dataclass(frozen=True)
class _Loaders:
    train: Any
    validation: Any
    images: Any
    image_titles: list[str]


def _loaders(
    engine: Engine, features: FeatureTable, spec: InputSpec, split: Split, params: Params
) -> _Loaders:
    options = loader_options(params.runtime)
    training = split.cutoff_runs("train")
    validation = split.cutoff_runs("validation").thinned(params.train.validation_windows)
    shown = _thin(validation, IMAGE_WINDOWS)
    log.info("%d training windows, %d validation windows", len(training), len(validation))
    source = engine.source(features, spec)
    train_loader = source.loader(
        training,
        batch_size=params.train.batch_size,
        options=options,
        windows_per_epoch=params.train.windows_per_epoch,
        seed=params.base.random_seed,
    )
    validation_loader = source.loader(
        validation, batch_size=max(params.train.batch_size, VALIDATION_BATCH), options=options
    )
    images = source.loader(shown, batch_size=IMAGE_WINDOWS, options=LoaderOptions())
    titles = [f"{server} {cutoff:%d %b %H:%M}" for server, cutoff in shown[["server", "cutoff"]].to_numpy()]
    return _Loaders(train_loader, validation_loader, next(iter(images)), titles)


def begin_at(loader: Any, epoch: int) -> None:
    """Let a loader draw the windows of that epoch first."""
    # Lightning names the epoch only after worker processes have begun to load its first batches
    sampler = getattr(loader, "sampler", None)
    if isinstance(sampler, EpochSampler):
        sampler.set_epoch(epoch)


def _thin(cutoffs: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(cutoffs) <= most:
        return cutoffs
    chosen = np.linspace(0, len(cutoffs) - 1, most).round().astype(int)
    return cutoffs.iloc[chosen].reset_index(drop=True)


def _learning_rate(
    network: Network, engine: Engine, spec: InputSpec, params: Params, loaders: _Loaders
) -> float:
    if not params.train.lr_finder:
        return params.train.learning_rate
    trial = ForecastModule(copy.deepcopy(network), engine, spec, params.train, params.train.learning_rate)
    found = find_learning_rate(trial, loaders.train, params)
    log.info(
        "the learning-rate finder suggests %.3g; train.learning_rate is %.3g",
        found,
        params.train.learning_rate,
    )
    return found


def _trainer(
    params: Params,
    state: RunState,
    checkpoints: TopCheckpoints,
    history: History,
    board: TensorBoardLogger | None,
    loaders: _Loaders,
    more: Sequence[Callback],
) -> Trainer:
    lines = EpochLines(params.train.batch_size)
    callbacks: list[Callback] = [
        EpochSeeds(params.base.random_seed),
        ResumePoints(state),
        history,
        lines,
        EarlyStopping(
            "val_loss",
            mode="min",
            patience=params.train.early_stopping_patience,
            # patience counts epochs, however many validations an epoch has
            check_on_train_epoch_end=True,
        ),
        checkpoints,
        *more,
    ]
    bar = params.runtime.progress and sys.stderr.isatty()
    if bar:
        callbacks.append(WindowsPerSecondBar(lines))
    if board is not None:
        callbacks += [
            LearningRateMonitor(logging_interval="step"),
            ForecastImages(loaders.images, loaders.image_titles),
        ]
    return make_trainer(
        params,
        callbacks=callbacks,
        logger=board if board is not None else False,
        max_epochs=params.train.epochs,
        val_check_interval=params.train.val_check_interval,
        enable_progress_bar=bar,
    )

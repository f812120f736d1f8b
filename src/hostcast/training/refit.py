"""Training anew on all that comes before the test span, once validation has chosen how long."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

from lightning.pytorch import Callback

from hostcast.engines import get_engine
from hostcast.features import FeatureTable, Roles
from hostcast.machine import loader_options
from hostcast.params import Params
from hostcast.splitting import Split
from hostcast.training.callbacks import EpochLines, EpochSeeds, ResumePoints, WindowsPerSecondBar
from hostcast.training.fit import Trained, begin_at, make_network
from hostcast.training.graphed import module_type
from hostcast.training.resume import RunState
from hostcast.training.seeds import seed_everything
from hostcast.training.trainer import make_trainer
from hostcast.windows import fit_inputs

__all__ = ["refit"]

log = logging.getLogger(__name__)


def refit(
    trained: Trained, features: FeatureTable, roles: Roles, split: Split, params: Params, state: RunState
) -> Trained:
    """Train a new network on training and validation span together.

    Levels shift, and the newest rows tell most of what comes. Nothing is chosen by what it reaches: it is
    trained for as many epochs as the first training was found best after, or for all of them if that was
    not stopped early, and keeps its last weights. Scales and vocabularies are fitted on both spans, too.

    Args:
        trained: the first training, by its end.
        features, roles, split, params: see `train`.
        state: of the first training, in whose folder this one keeps its resume points.

    Returns:
        The new network and its inputs, with the first training's history; metrics has refit_epochs too.

    Raises:
        HostcastError: the loss diverged, or a checkpoint could not be written.
    """
    stopped_early = trained.metrics["epochs"] < params.train.epochs
    epochs = int(trained.metrics["best_epoch"]) + 1 if stopped_early else params.train.epochs
    whole, own = split.refit(), state.within("refit")
    engine = get_engine(params.train.engine)
    seed_everything(params.base.random_seed)
    spec = fit_inputs(features, roles, whole, params)
    network = make_network(engine, spec, params)
    windows = whole.cutoff_runs("train")
    loader = engine.source(features, spec).loader(
        windows,
        batch_size=params.train.batch_size,
        options=loader_options(params.runtime),
        windows_per_epoch=params.train.windows_per_epoch,
        seed=params.base.random_seed,
    )
    point = own.find_point()
    if point is None:
        own.start_afresh({})
        log.info("refit on training and validation: %d windows, %d epochs", len(windows), epochs)
    else:
        log.info("the refit resumes from epoch %d, step %d", point.epoch + 1, point.step)
    module = module_type(engine, params)(
        network, engine, spec, params.train, float(trained.metrics["learning_rate"]), monitor="train_loss"
    )
    lines = EpochLines(params.train.batch_size)
    callbacks: list[Callback] = [EpochSeeds(params.base.random_seed), ResumePoints(own), lines]
    bar = params.runtime.progress and sys.stderr.isatty()
    if bar:
        callbacks.append(WindowsPerSecondBar(lines))
    trainer = make_trainer(
        params,
        callbacks=callbacks,
        logger=False,
        max_epochs=epochs,
        enable_checkpointing=False,
        enable_progress_bar=bar,
    )
    begin_at(loader, 0 if point is None else point.epoch)
    trainer.fit(module, loader, ckpt_path=None if point is None else point.checkpoint)
    network.settle_unknown()
    network.cpu().eval()
    return replace(trained, network=network, spec=spec, metrics={**trained.metrics, "refit_epochs": epochs})

"""One timed training run, on the parts that `train` is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import TensorBoardLogger

from hostcast.benchmark.gains.configurations import EPOCHS, Configuration
from hostcast.benchmark.gains.stopwatch import BatchClock, Stopwatch
from hostcast.benchmark.gains.workload import Workload
from hostcast.benchmark.quiet import quieten
from hostcast.engines import Architecture, LoaderOptions, get_engine
from hostcast.features import FeatureTable
from hostcast.machine import loader_options, uses_gpu
from hostcast.params import Params
from hostcast.training.callbacks import (
    EpochLines,
    EpochSeeds,
    ForecastImages,
    History,
    ResumePoints,
    TopCheckpoints,
)
from hostcast.training.module import TARGET_LOSS, ForecastModule
from hostcast.training.resume import RunState
from hostcast.training.seeds import seed_everything
from hostcast.training.trainer import make_trainer
from hostcast.windows import InputSpec

__all__ = ["Job", "Run", "run_job"]

IMAGE_WINDOWS = 3


@dataclass(frozen=True)
class Job:
    """All that one run needs; it travels to a process of its own.

    Attributes:
        configuration: what is switched on.
        repeat: number of the turn, from 0; it shifts the seed, for all configurations alike.
        params: the project's params.
        spec: inputs and scales, fitted on the whole training span.
        workload: the windows.
        scratch: an empty folder for checkpoints and logs.
        threads: torch's compute threads.
    """

    configuration: Configuration
    repeat: int
    params: Params
    spec: InputSpec
    workload: Workload
    scratch: Path
    threads: int


@dataclass(frozen=True)
class Run:
    """What one run came to.

    Attributes:
        engine: the engine that ran.
        configuration, repeat, seed: which run it was.
        device: cpu, or the GPU's name.
        threads: torch's compute threads.
        windows_per_second: training batches alone.
        epoch_seconds: an epoch with validation, logs and checkpoints.
        peak_memory_mib: resident memory of the training process, and what its workers add to it.
        peak_gpu_memory_mib: memory allocated on the GPU; None without one.
        validation_loss: wQL of the first target after the last epoch.
    """

    engine: str
    configuration: str
    repeat: int
    seed: int
    device: str
    threads: int
    windows_per_second: float
    epoch_seconds: float
    peak_memory_mib: float
    peak_gpu_memory_mib: float | None
    validation_loss: float


def run_job(job: Job) -> Run:
    """Train for two short epochs with everything the configuration has, and measure the second.

    Raises:
        HostcastError: the loss diverged, a GPU is asked for and there is none, or the disk is full.
    """
    quieten()
    torch.set_num_threads(job.threads)
    gpu = uses_gpu(job.params.runtime)
    seed = (job.params.base.random_seed + job.repeat) % 2**32
    params = job.configuration.params(job.params, seed=seed, gpu=gpu)
    train = params.train
    engine = get_engine(train.engine)
    seed_everything(seed)
    network = engine.network(job.spec, Architecture.of(params.model))
    module = ForecastModule(network, engine, job.spec, train, train.learning_rate)
    loaders = _loaders(job, params)
    watch, clock, history = Stopwatch(EPOCHS - 1), BatchClock(EPOCHS - 1), History(None)
    trainer = _trainer(job, params, loaders, first=[watch], last=[history, clock])
    trainer.fit(module, loaders.train, loaders.validation)
    return Run(
        engine=train.engine,
        configuration=job.configuration.name,
        repeat=job.repeat,
        seed=seed,
        device=torch.cuda.get_device_name() if gpu else "cpu",
        threads=torch.get_num_threads(),
        windows_per_second=clock.batches * train.batch_size / clock.seconds,
        epoch_seconds=watch.seconds,
        peak_memory_mib=watch.peak_memory_mib,
        peak_gpu_memory_mib=watch.peak_gpu_memory_mib,
        validation_loss=history.rows[-1][f"{TARGET_LOSS}{quote(job.spec.targets[0], safe='')}"],
    )


@dataclass(frozen=True)
class _Loaders:
    train: Iterable[Any]
    validation: Iterable[Any]
    images: Any


def _loaders(job: Job, params: Params) -> _Loaders:
    engine, options = get_engine(params.train.engine), loader_options(params.runtime)
    work, size = job.workload, params.train.batch_size
    source = engine.source(FeatureTable.of(work.features), job.spec)
    train = source.loader(
        work.train,
        batch_size=size,
        options=options,
        windows_per_epoch=params.train.windows_per_epoch,
        seed=params.base.random_seed,
    )
    validation = source.loader(work.validation, batch_size=size, options=options)
    if not job.configuration.tensorboard:
        return _Loaders(train, validation, None)
    shown = work.validation.head(IMAGE_WINDOWS)
    images = source.loader(shown, batch_size=IMAGE_WINDOWS, options=LoaderOptions())
    return _Loaders(train, validation, next(iter(images)))


def _trainer(
    job: Job, params: Params, loaders: _Loaders, *, first: list[Callback], last: list[Callback]
) -> Trainer:
    """A trainer with the callbacks that `train` has for what is switched on."""
    train, switched = params.train, job.configuration
    callbacks: list[Callback] = [*first, EpochSeeds(params.base.random_seed)]
    if switched.checkpointing:
        state = RunState(job.scratch, "benchmark")
        state.start_afresh({})
        callbacks += [ResumePoints(state), TopCheckpoints(state.checkpoints, train)]
    board = None
    if switched.tensorboard:
        board = TensorBoardLogger(job.scratch / "logs", name="tft_training", version="benchmark")
        images = ForecastImages(loaders.images, [""] * len(job.workload.validation.head(IMAGE_WINDOWS)))
        callbacks += [EpochLines(train.batch_size), LearningRateMonitor(logging_interval="step"), images]
    return make_trainer(
        params,
        callbacks=[*callbacks, *last],
        logger=board if board is not None else False,
        max_epochs=train.epochs,
        enable_checkpointing=switched.checkpointing,
        enable_progress_bar=False,
    )

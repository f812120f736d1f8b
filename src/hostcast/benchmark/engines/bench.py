"""One engine at one shape: set up once, measured whenever asked."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from itertools import chain, repeat
from typing import Any, cast

import torch
from lightning.fabric.utilities import move_data_to_device

from hostcast.benchmark.engines.again import Again, Loaded
from hostcast.benchmark.engines.data import FORECAST_FEATURES, forecast_cutoffs, open_data
from hostcast.benchmark.engines.job import Job, Reading
from hostcast.benchmark.engines.pace import Pace, PaceClock
from hostcast.benchmark.engines.shapes import STEPS, params_of
from hostcast.benchmark.memory import MIB, forget_peak, peak_resident_mib, workers_own_mib
from hostcast.benchmark.quiet import quieten
from hostcast.engines import Architecture, Engine, LoaderOptions, Network, get_engine
from hostcast.features import FeatureTable
from hostcast.forecasting import forecast_values
from hostcast.training.callbacks import EpochSeeds
from hostcast.training.fit import make_network
from hostcast.training.graphed import module_type
from hostcast.training.seeds import seed_everything
from hostcast.training.trainer import make_trainer
from hostcast.windows import Batch, fit_inputs

__all__ = ["Bench"]

# batches that the training step is measured on, in turn
LOADED = 4


class Bench:
    """Data, inputs and loaders of one engine.

    Args:
        job: what to set up.
    """

    def __init__(self, job: Job) -> None:
        quieten()
        torch.set_num_threads(job.threads)
        self.job = job
        self.params = params_of(job.shape, job.params, engine=job.engine, device=job.device)
        self.engine: Engine = get_engine(job.engine)
        start = time.perf_counter()
        data = open_data(job.folder)
        self.spec = fit_inputs(data.features, data.roles, data.split, self.params)
        self._source = self.engine.source(data.features, self.spec)
        self._cutoffs = data.split.cutoffs("train")
        self._source_seconds = time.perf_counter() - start
        # by number of workers: a loader, and the seconds it took to make
        self._loaders: dict[int, tuple[Iterable[Any], float]] = {}
        self._forecast_loaders: dict[int, tuple[Iterable[Any], float]] = {}
        # made when first used; what is compiled for a network stays with it
        self._trained: Network | None = None
        self._forecaster: Network | None = None

    def loader(self, workers: int, seconds: float | None = None) -> Reading:
        """Load batches and unpack them on the device; nothing is computed with them."""
        loader, setup = self._train_loader(workers)
        pace = self._pace(seconds, warm_batches=3 + 2 * workers, warm_seconds=0.2)
        # epoch after epoch: one may be over before it is warm
        for raw in chain.from_iterable(repeat(loader)):
            pace.tick(self._unpacked(raw).size)
            if pace.done:
                break
        return self._reading(pace, workers, setup)

    def step(self, workers: int, seconds: float | None = None) -> Reading:
        """Train on a few batches that stay on the device."""
        loader, setup = self._train_loader(workers)
        batches = [self._unpacked(raw) for raw, _ in zip(loader, range(LOADED), strict=False)]
        engine = cast(Engine, Loaded(self.engine, batches))
        numbers = Again(list(range(len(batches))), STEPS)
        return self._fit(engine, numbers, self._pace(seconds, self._warm_steps(0)), workers, setup)

    def train(self, workers: int, seconds: float | None = None) -> Reading:
        """Train as `hostcast.training.train` does, from the loader to the optimiser."""
        loader, setup = self._train_loader(workers)
        pace = self._pace(seconds, self._warm_steps(workers))
        return self._fit(self.engine, loader, pace, workers, setup)

    def predict(self, workers: int, seconds: float | None = None) -> Reading:
        """Forecast all servers of the forecast table, again and again."""
        loader, setup = self._forecast_loader(workers)
        count, device = self.job.shape.forecast_series, torch.device(self.job.device)
        if self._forecaster is None:
            self._forecaster = self.engine.network(self.spec, Architecture.of(self.params.model))
            self._forecaster.to(device).eval().interpreting = False
            warm_up = 1
        else:
            # a pass may take a minute
            warm_up = 0
        pace = self._pace(seconds, warm_up, least=1)
        while not pace.done:
            forecast_values(self._forecaster, self.engine, self.spec, loader, device=device)
            pace.tick(count)
        return self._reading(pace, workers, setup)

    def weights(self) -> int:
        """Number of the network's weights."""
        network = self.engine.network(self.spec, Architecture.of(self.params.model))
        return sum(weight.numel() for weight in network.parameters())

    def _fit(self, engine: Engine, loader: Iterable[Any], pace: Pace, workers: int, setup: float) -> Reading:
        train, seed = self.params.train, self.params.base.random_seed
        seed_everything(seed)
        if self._trained is None:
            self._trained = make_network(engine, self.spec, self.params)
        kind = module_type(engine, self.params)
        module = kind(self._trained, engine, self.spec, train, train.learning_rate)
        trainer = make_trainer(
            self.params,
            callbacks=[EpochSeeds(seed), PaceClock(pace, train.batch_size)],
            logger=False,
            max_epochs=train.epochs,
            min_epochs=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
        )
        trainer.fit(module, loader)
        return self._reading(pace, workers, setup)

    def _train_loader(self, workers: int) -> tuple[Iterable[Any], float]:
        if workers not in self._loaders:
            start = time.perf_counter()
            loader = self._source.loader(
                self._cutoffs,
                batch_size=self.params.train.batch_size,
                options=self._options(workers),
                windows_per_epoch=self.params.train.windows_per_epoch,
                seed=self.params.base.random_seed,
            )
            self._loaders[workers] = loader, self._source_seconds + time.perf_counter() - start
        _spare_garbage(workers)
        return self._loaders[workers]

    def _forecast_loader(self, workers: int) -> tuple[Iterable[Any], float]:
        if workers not in self._forecast_loaders:
            start = time.perf_counter()
            features = FeatureTable.open(self.job.folder / FORECAST_FEATURES)
            loader = self.engine.source(features, self.spec).loader(
                forecast_cutoffs(self.job.shape),
                batch_size=self.params.evaluate.batch_size,
                options=self._options(workers),
            )
            self._forecast_loaders[workers] = loader, time.perf_counter() - start
        _spare_garbage(workers)
        return self._forecast_loaders[workers]

    def _options(self, workers: int) -> LoaderOptions:
        return LoaderOptions(workers, pin_memory=self.job.device == "cuda", persistent_workers=workers > 0)

    def _unpacked(self, raw: Any) -> Batch:
        return self.engine.unpack(move_data_to_device(raw, torch.device(self.job.device)), self.spec)

    def _warm_steps(self, workers: int) -> int:
        # a GPU uses up what workers have loaded ahead in no time, and then waits for them
        return 10 + 2 * workers if self.job.device == "cuda" else 1

    def _pace(
        self, seconds: float | None, warm_batches: int, *, least: int = 2, warm_seconds: float = 0.0
    ) -> Pace:
        forget_peak()
        if self.job.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        return Pace(
            seconds=self.job.seconds if seconds is None else seconds,
            warm_batches=warm_batches,
            least=least,
            warm_seconds=warm_seconds,
            device=self.job.device,
        )

    def _reading(self, pace: Pace, workers: int, setup_seconds: float) -> Reading:
        return Reading(
            workers=workers,
            windows_per_second=pace.windows_per_second,
            windows=pace.windows,
            seconds=pace.seconds,
            warm_up_seconds=pace.warm_up_seconds,
            setup_seconds=setup_seconds,
            peak_memory_mib=peak_resident_mib() + workers_own_mib(),
            peak_gpu_memory_mib=torch.cuda.max_memory_allocated() / MIB
            if self.job.device == "cuda"
            else None,
        )


def _spare_garbage(workers: int) -> None:
    """A worker is forked: what it collected of its parent's tensors on a GPU would end it."""
    if workers > 0:
        gc.collect()
        gc.freeze()

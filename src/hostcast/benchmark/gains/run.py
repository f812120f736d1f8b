"""Run every configuration several times, in turn, each run in a process of its own."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from hostcast.benchmark.gains.checks import check_same_loss, precision_deviation
from hostcast.benchmark.gains.comparison import Gain, gains
from hostcast.benchmark.gains.configurations import Configuration, configurations
from hostcast.benchmark.gains.training import Job, Run, run_job
from hostcast.benchmark.gains.workload import Workload, make_workload
from hostcast.benchmark.isolation import in_fresh_process
from hostcast.features import FeatureTable, Roles
from hostcast.params import Params
from hostcast.splitting import Split
from hostcast.state import state_folder
from hostcast.windows import InputSpec, fit_inputs

__all__ = ["GainsResult", "inputs_of", "run_gains", "summarize"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GainsResult:
    """Every run, and what they come to.

    Attributes:
        runs: one row per run in the order they ran, columns as `hostcast.benchmark.gains.training.Run`.
        configurations: what was compared.
        gains: the changes against the baseline beside the founding document's claims.
        memory: the column of `runs` that the claims on memory are held against.
        mixed_precision_deviation: largest relative deviation of its validation loss from the baseline's.
        target: what the validation loss is taken on.
        validation_windows: number of windows it is taken on.
        params: what it ran with.
    """

    runs: pd.DataFrame
    configurations: list[Configuration]
    gains: list[Gain]
    memory: str
    mixed_precision_deviation: float
    target: str
    validation_windows: int
    params: Params


def run_gains(
    features: FeatureTable, roles: Roles, split: Split, params: Params, *, progress: bool
) -> GainsResult:
    """Measure what the founding document's improvements change, against its own baseline.

    All configurations of a repeat share seed and windows; the seed moves on from repeat to repeat, so the
    spread of a loss is that over seeds. Without `multi_target` the first target alone is forecast; the
    others stay inputs, observed up to the cutoff.

    Args:
        features: the features table, sorted by server and timestamp.
        roles: each column's role.
        split: cutoffs of training and validation windows.
        params: all params.
        progress: show a progress bar, if stderr is a terminal.

    Raises:
        HostcastError: checkpoints, workers or TensorBoard changed the validation loss by a bit; the loss
            diverged; or a run's process was killed.
    """
    compared = configurations()
    workload = make_workload(features.frame(), split, params)
    specs = {several: inputs_of(several, features, roles, split, params) for several in (False, True)}
    turns = list(_turns(compared, params.benchmark.repeats))
    shown = tqdm(turns, desc="benchmark", unit="run", disable=not (progress and sys.stderr.isatty()))
    runs: list[Run] = []
    for configuration, repeat in shown:
        spec = specs[configuration.multi_target]
        runs.append(_timed(configuration, repeat, params, spec, workload))
        log.info(
            "%s, repeat %d: %.0f windows/s, %.2f s per epoch",
            configuration.name,
            repeat + 1,
            runs[-1].windows_per_second,
            runs[-1].epoch_seconds,
        )
    table = pd.DataFrame([asdict(run) for run in runs], columns=[field.name for field in fields(Run)])
    return summarize(table, compared, len(workload.validation), params)


def summarize(
    runs: pd.DataFrame, compared: list[Configuration], validation_windows: int, params: Params
) -> GainsResult:
    """Check the runs and compare them; see `run_gains` for what is raised."""
    check_same_loss(runs, compared)
    memory = "peak_memory_mib" if (runs["device"] == "cpu").all() else "peak_gpu_memory_mib"
    return GainsResult(
        runs=runs,
        configurations=compared,
        gains=gains(runs, compared, memory=memory),
        memory=memory,
        mixed_precision_deviation=precision_deviation(runs),
        target=params.base.target_metrics[0],
        validation_windows=validation_windows,
        params=params,
    )


def _turns(compared: list[Configuration], repeats: int) -> Iterator[tuple[Configuration, int]]:
    # A B C A B C rather than A A B B C C: a machine that slows down slows all of them
    for repeat in range(repeats):
        for configuration in compared:
            yield configuration, repeat


def _timed(
    configuration: Configuration, repeat: int, params: Params, spec: InputSpec, workload: Workload
) -> Run:
    # where `train` keeps its checkpoints, so that writing them costs what it costs there
    parent = state_folder()
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="benchmark-") as scratch:
        # as many as a training in this process would have
        threads = torch.get_num_threads()
        job = Job(configuration, repeat, params, spec, workload, Path(scratch), threads)
        return in_fresh_process(run_job, job, label=f"{configuration.name}, repeat {repeat + 1}")


def inputs_of(several: bool, features: FeatureTable, roles: Roles, split: Split, params: Params) -> InputSpec:
    """Inputs of the models that forecast the first target alone, or several of them."""
    first = params.base.target_metrics[0]
    columns = {
        name: replace(column, role="observed")
        if column.role == "target" and name != first and not several
        else column
        for name, column in roles.columns.items()
    }
    return fit_inputs(features, replace(roles, columns=columns), split, params)

"""Measuring prepare, featurize and split on fleets of growing size, and beside pandas."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hostcast.benchmark.data.fleet import COVARIATES, SERVERS, STEP_SECONDS, TARGETS, write_fleet
from hostcast.benchmark.data.plain import plain_featurize, plain_prepare, plain_split
from hostcast.benchmark.data.results import DataRuns, Reading
from hostcast.benchmark.data.training import first_step
from hostcast.benchmark.isolation import in_fresh_process
from hostcast.benchmark.memory import forget_peak, peak_resident_mib
from hostcast.benchmark.spread import repeats_of
from hostcast.errors import HostcastError
from hostcast.features import featurize_into, write_roles
from hostcast.params import Params, parse_params
from hostcast.parts import read_frame, workers
from hostcast.paths import FEATURES, PREPARED, ROLES, SPLIT, WINDOWS
from hostcast.splitting import read_split, split_of, write_split
from hostcast.telemetry import prepare_into

__all__ = ["Job", "by_hostcast", "by_pandas", "compare", "data_params", "run_data"]

log = logging.getLogger(__name__)

ROWS = {"quick": [1_000_000, 5_000_000], "full": [1_000_000, 5_000_000, 25_000_000, 100_000_000]}
BESIDE_PANDAS = 5_000_000


@dataclass(frozen=True)
class Job:
    """What one process does, in a folder that takes the place of the project's root."""

    folder: Path
    params: Params
    repeat: int = 1


def data_params(params: Params, raw: Path) -> Params:
    """The project's params for the fleet of `write_fleet`: section split and the seed are kept."""
    content = params.model_dump()
    content["base"] |= {"freq": f"{STEP_SECONDS}s", "target_metrics": TARGETS}
    content["prepare"] |= {
        "source": "files",
        "path": str(raw),
        "columns": {},
        "covariates": COVARIATES,
        "static": [],
        "timezone": "UTC",
        "min_rows": 48,
    }
    content["featurize"] |= {"lags": [], "rolling_windows": [], "interactions": []}
    # the smallest fleet has 500 steps
    content["split"] |= {
        "encoder_length": 48,
        "min_encoder_length": 48,
        "horizon": 24,
        "validation_split": 0.2,
        "test_split": 0.2,
        "boundary": "global",
        "embargo": 0,
        "folds": content["split"]["folds"] | {"count": 0},
        "holdout_servers": 0,
    }
    content["runtime"]["progress"] = False
    return parse_params(content)


def run_data(
    params: Params,
    *,
    rows: list[int] | None = None,
    beside_pandas: int = BESIDE_PANDAS,
    servers: int = SERVERS,
) -> DataRuns:
    """Measure each size a few times, each time in a process of its own, in turn with pandas.

    Args:
        params: the project's; benchmark.suite says which sizes, benchmark.engine_repeats how often.
        rows: the sizes; None = the suite's.
        beside_pandas: the size at which pandas does the same work.
        servers: of the fleets.

    Raises:
        HostcastError: pandas' output differs.
    """
    sizes = rows or ROWS[params.benchmark.suite]
    readings: list[Reading] = []
    for count in sizes:
        with tempfile.TemporaryDirectory(prefix="hostcast-") as name:
            folder = Path(name)
            write_fleet(folder / "raw", count, params.base.random_seed, servers=servers)
            for repeat in range(1, repeats_of(params.benchmark) + 1):
                job = Job(folder / str(repeat), data_params(params, folder / "raw"), repeat)
                readings.append(_measured(by_hostcast, job, f"{count:,} rows"))
                if count == beside_pandas:
                    readings.append(_measured(by_pandas, job, f"{count:,} rows in pandas"))
                    in_fresh_process(compare, job, label="comparison with pandas")
                if repeat > 1:
                    shutil.rmtree(folder / str(repeat - 1))
            if count == max(sizes):
                training = in_fresh_process(first_step, (job.folder, job.params), label="training")
    return DataRuns(workers(), servers, readings, training)


def _measured(work: Callable[[Job], Reading], job: Job, label: str) -> Reading:
    reading = in_fresh_process(work, job, label=label)
    log.info("%s, repeat %d: %.1f s, %.0f MiB", label, job.repeat, reading.seconds, reading.peak_mib)
    return reading


def by_hostcast(job: Job) -> Reading:
    """The three stages."""
    folder, params = job.folder, job.params
    folder.mkdir(parents=True, exist_ok=True)
    forget_peak()
    rows = 0

    def prepare() -> None:
        nonlocal rows
        rows = prepare_into(folder / PREPARED, params).quality["rows"]["read"]

    def featurize() -> None:
        write_roles(featurize_into(folder / FEATURES, folder / PREPARED, params), folder / ROLES)

    def split() -> None:
        write_split(split_of(folder / PREPARED, params), folder / SPLIT, folder / WINDOWS)

    took = (_timed(prepare), _timed(featurize), _timed(split))
    return Reading(rows, "hostcast", job.repeat, *took, peak_resident_mib())


def by_pandas(job: Job) -> Reading:
    """The same in pandas."""
    folder, params = job.folder / "pandas", job.params
    folder.mkdir(parents=True, exist_ok=True)
    forget_peak()
    took = (
        _timed(lambda: plain_prepare(Path(params.prepare.path), folder, params)),
        _timed(lambda: plain_featurize(folder, params)),
        _timed(lambda: plain_split(folder, params)),
    )
    rows = len(pd.read_parquet(folder / "telemetry.parquet", columns=["server"]))
    return Reading(rows, "pandas", job.repeat, *took, peak_resident_mib())


def compare(job: Job) -> None:
    """See that both made the same.

    Raises:
        HostcastError: they did not.
    """
    made = job.folder / "pandas"
    pairs = {
        "telemetry": (read_frame(job.folder / PREPARED, stage="prepare"), made / "telemetry.parquet"),
        "features": (read_frame(job.folder / FEATURES, stage="featurize"), made / "features.parquet"),
        "windows": (read_split(job.folder / SPLIT, job.folder / WINDOWS).runs, made / "windows.parquet"),
    }
    for what, (ours, path) in pairs.items():
        theirs = pd.read_parquet(path)
        if list(ours.columns) != list(theirs.columns) or not all(
            ours[name].equals(theirs[name].astype(ours[name].dtype)) for name in ours.columns
        ):
            raise HostcastError(
                f"hostcast and pandas made different {what}",
                remedy="this is a fault in hostcast: please report it with the output of --only data",
            )


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

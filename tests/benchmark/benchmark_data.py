"""A tiny fleet, tiny windows, and functions to run in processes of their own."""

from __future__ import annotations

import logging
import os
import resource
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from hostcast.benchmark.gains.configurations import BASELINE, configurations
from hostcast.benchmark.memory import forget_peak, peak_resident_mib
from hostcast.errors import HostcastError
from hostcast.features import Features, featurize
from hostcast.params import Params, parse_params
from hostcast.splitting import Split, make_split
from hostcast.telemetry import prepare

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def tiny_params(**changes: dict[str, Any]) -> Params:
    """The shipped params, made small; `changes` update whole sections."""
    content = YAML(typ="safe").load(SHIPPED.read_text("utf-8"))
    content["prepare"]["simulate"] |= {"servers": 3, "days": 3}
    content["split"] |= {"encoder_length": 24, "min_encoder_length": 24, "horizon": 8}
    content["model"] |= {"hidden_size": 8, "hidden_continuous_size": 4}
    content["benchmark"] |= {
        "repeats": 2,
        "batches": 2,
        "validation_batches": 1,
        "batch_size": 8,
        "num_workers": 1,
    }
    content["runtime"]["accelerator"] = "cpu"
    for section, values in changes.items():
        content[section] |= values
    return parse_params(content)


def tiny_data(params: Params) -> tuple[Features, Split]:
    """Features and split of the simulated fleet that `params` describe."""
    features = featurize(prepare(params).telemetry, params)
    split = make_split(features.frame, params.base.target_metrics, params.split, params.base.step)
    return features, split


def made_up_runs(repeats: int = 3, **losses: float) -> pd.DataFrame:
    """Runs that never ran; `losses` name configurations whose validation loss is not the baseline's."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "engine": "reference",
            "configuration": one.name,
            "repeat": repeat,
            "seed": 42 + repeat,
            "device": "cpu",
            "threads": 2,
            "windows_per_second": 300 + rng.uniform(0, 20),
            "epoch_seconds": 2 + rng.uniform(0, 0.1),
            "peak_memory_mib": 700 + rng.uniform(0, 5),
            "peak_gpu_memory_mib": None,
            "validation_loss": losses.get(one.name, 0.25 + repeat / 100),
        }
        for repeat in range(repeats)
        for one in configurations()
    ]
    assert rows[0]["configuration"] == BASELINE
    return pd.DataFrame(rows)


def allocate(mib: int) -> float:
    """Fill so much memory; the peak of this process, MiB."""
    held = np.ones(mib * 2**17)
    assert held[-1] == 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peaks_before_and_after_forgetting(mib: int) -> tuple[float, float]:
    """Peaks of memory, MiB: with so much filled once, and after that was freed and forgotten."""
    held = np.ones(mib * 2**17)
    high = peak_resident_mib()
    del held
    forget_peak()
    return high, peak_resident_mib()


def own_process(_: None) -> int:
    """The id of the process that runs this."""
    return os.getpid()


def warns(logger: str) -> bool:
    """Whether a warning of this logger would be told by the process that runs this."""
    return logging.getLogger(logger).isEnabledFor(logging.WARNING)


def wait_with_something_on_the_disk(folder: Path) -> None:
    """Make a folder in this one, that is to be removed in the end, and wait for an end."""
    with tempfile.TemporaryDirectory(dir=folder):
        time.sleep(300)


def fall_out(how: str) -> None:
    """End in one of the ways a run may end."""
    match how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "problem":
            raise HostcastError("the loss diverged", remedy="lower train.learning_rate")
        case _:
            raise ValueError("never seen before")


class Counter:
    """Something to hold."""

    def __init__(self, count: int) -> None:
        self.count = count

    def add(self, number: int) -> int:
        """The new count."""
        self.count += number
        return self.count

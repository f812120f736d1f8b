"""One benchmark of a tiny fleet, for all tests that look at one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest
from benchmark_data import tiny_data, tiny_params
from engines_data import TINY, quick_params, write_tiny

from hostcast.benchmark.engines import EngineRuns, run_engines
from hostcast.benchmark.gains import GainsResult, run_gains
from hostcast.features import FeatureTable


@dataclass(frozen=True)
class Ran:
    """A benchmark, and what it left on the terminal."""

    result: GainsResult
    terminal: str
    leftovers: list[str]


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The benchmark of two repeats."""
    state = tmp_path_factory.mktemp("state")
    params = tiny_params()
    features, split = tiny_data(params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSTCAST_STATE_DIR", str(state))
        # below Python's own streams, since the runs are other processes
        with (state / "terminal").open("w+") as terminal:
            kept = os.dup(2), os.dup(1)
            os.dup2(terminal.fileno(), 2)
            os.dup2(terminal.fileno(), 1)
            try:
                result = run_gains(
                    FeatureTable.of(features.frame), features.schema, split, params, progress=False
                )
            finally:
                for stream, copy in zip((2, 1), kept, strict=True):
                    os.dup2(copy, stream)
                    os.close(copy)
    terminal_text = (state / "terminal").read_text()
    return Ran(result, terminal_text, sorted(p.name for p in state.iterdir() if p.name != "terminal"))


@dataclass(frozen=True)
class Suite:
    """The engines side by side, and what was saved on the way."""

    done: EngineRuns
    saved: list[EngineRuns] = field(default_factory=list)


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """Everything there is to measure, on a shape that takes a moment."""
    project = write_tiny(tmp_path_factory.mktemp("project"))
    saved: list[EngineRuns] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSTCAST_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        done = run_engines(
            quick_params(suite="full", only=["fleet", "fleet.time_to_quality", "memory"]),
            shapes={"fleet": TINY},
            many_rows=TINY,
            project=project,
            save=saved.append,
        )
    return Suite(done, saved)

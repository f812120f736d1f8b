"""The benchmark's command line, and what it needs to be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmark_data import tiny_params

from hostcast.benchmark import Options

SOURCES = Path(__file__).parents[2] / "src"


def test_without_options_the_params_stay_as_they_are():
    options = Options.read([])

    assert options.out is None
    assert options.applied(tiny_params()) == tiny_params()


def test_every_option_changes_its_param():
    line = (
        "--out results.json --suite full --device cpu --only fleet.train,large --repeats 7 --seconds 0.5 "
        "--time-limit 300 --quality-data ../smd --quality-repeats 2"
    )
    options = Options.read(line.split())
    budget = options.applied(tiny_params()).benchmark

    assert options.out == Path("results.json")
    assert (budget.suite, budget.device, budget.only) == ("full", "cpu", ["fleet.train", "large"])
    assert (budget.engine_repeats, budget.seconds, budget.time_limit) == (7, 0.5, 300.0)
    assert (budget.quality_data, budget.quality_repeats) == (["../smd"], 2)


@pytest.mark.parametrize("line", ["--suite fast", "--repeats 0", "--seconds -1", "--seconds nan", "--what"])
def test_a_mistake_ends_the_program_with_a_message(line, capsys):
    with pytest.raises(SystemExit):
        Options.read(line.split())

    assert "usage" in capsys.readouterr().err


def test_the_benchmark_needs_no_library_that_it_does_not_measure():
    absent = ["dvc", "dvclive", "jinja2", "tensorboard", "zstandard"]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{blocked}; import hostcast.benchmark.gains, hostcast.benchmark.engines.bench",
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr

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


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_options_the_params_stay_as_they_are():
    options = Options.read([])

    assert options.out is None
    assert options.applied(tiny_params()) == tiny_params()


def test_every_option_changes_its_param():
    line = (
        "--out results.json --suite full --device cpu --only fleet.train,large --repeats 7 --seconds 0.5 "
        "--time-limit 300 --quality-data ../smd --quality-repeats 2 --same-recipe"
    )
    options = Options.read(line.split())
    budget = options.applied(tiny_params()).benchmark

    assert options.out == Path("results.json")
    assert (budget.suite, budget.device, budget.only) == ("full", "cpu", ["fleet.train", "large"])
    assert (budget.engine_repeats, budget.seconds, budget.time_limit) == (7, 0.5, 300.0)
    assert (budget.quality_data, budget.quality_repeats) == (["../smd"], 2)
    assert budget.same_recipe


def test_a_name_that_is_given_twice_counts_once():
    assert Options.read(["--only", "data, data"]).changes["only"] == ["data"]


def test_what_the_command_line_gave_is_blamed_on_its_options():
    given = Options.read(["--repeats", "7", "--only", "fleet.train", "--out", "results.json"]).given

    assert given.options == {"engine_repeats": "--repeats", "only": "--only"}
    assert str(given.error("only", "is odd", remedy="x")).startswith("--only is odd")
    assert str(given.error("device", "is odd", remedy="x")).startswith(
        "file params.yaml: benchmark.device is"
    )


@pytest.mark.parametrize(
    ("line", "blamed"),
    [
        (["--suite", "fast"], "argument --suite"),
        (["--device", "gpu"], "argument --device"),
        (["--repeats", "0"], "argument --repeats: '0' is not a whole number from 1 on"),
        (["--repeats", "1.5"], "argument --repeats"),
        (["--quality-repeats", "-1"], "argument --quality-repeats"),
        (["--seconds", "-1"], "argument --seconds: '-1' is not a number of seconds above 0"),
        (["--seconds", "nan"], "argument --seconds"),
        (["--time-limit", "soon"], "argument --time-limit"),
        (["--only", ","], "argument --only: ',' names nothing"),
        (["--only", ""], "argument --only: '' names nothing"),
        (["--quality-data", " , "], "argument --quality-data: ' , ' names nothing"),
        (["--out", "."], "argument --out: '.' is a folder"),
        (["--out", "none/results.json"], "argument --out: 'none/results.json' is a folder, or in a folder"),
        (["--out", "results.md"], "argument --out: 'results.md' is no .json file"),
        (["--out", "results.txt"], "argument --out: 'results.txt' is no .json file"),
        (["--out", "results"], "argument --out: 'results' is no .json file"),
        (["--only", "data,fleet.train"], "argument --only: 'data,fleet.train': data is measured alone"),
        # a folder that nobody can make files in, root included
        (["--out", "/proc/results.json"], "argument --out: '/proc/results.json' can't be written"),
        (["--what"], "--what"),
    ],
)
def test_a_mistake_ends_the_program_with_a_message_that_blames_the_option(line, blamed, capsys):
    with pytest.raises(SystemExit) as ended:
        Options.read(line)

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "usage" in said
    assert blamed in said


def test_help_tells_the_values_of_each_option_and_ends_with_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        Options.read(["--help"])

    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "a shape (fleet, large, electricity), a measurement (loader, step, train" in said
    assert "{auto,cpu,cuda}" in said
    assert "a number above 0" in said
    assert "--only time_to_quality --quality-data ../smd" in said.split("examples:")[1]


def test_the_examples_of_the_help_are_command_lines_that_it_reads(capsys):
    with pytest.raises(SystemExit):
        Options.read(["--help"])
    examples = capsys.readouterr().out.split("examples:")[1].split("python stages/benchmark.py")[1:]

    assert len(examples) > 1
    for line in examples:
        assert Options.read(line.split()).out == Path("mine.json")


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

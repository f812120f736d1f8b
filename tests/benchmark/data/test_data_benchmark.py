"""Prepare, featurize and split beside pandas."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from hostcast.benchmark.data import run_data, write_data_results
from hostcast.benchmark.data.fleet import write_fleet
from hostcast.benchmark.data.run import Job, by_hostcast, by_pandas, compare, data_params
from hostcast.errors import HostcastError
from hostcast.params import Params, load_params

REPOSITORY = Path(__file__).parents[3]
SERVERS = 20
ROWS = 500 * SERVERS
STAGES = ("prepare", "featurize", "split")


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(REPOSITORY / "params.yaml")


def test_pandas_makes_the_same_and_a_difference_is_noticed(params: Params, tmp_path: Path) -> None:
    write_fleet(tmp_path / "raw", ROWS, 1, servers=SERVERS)
    job = Job(tmp_path / "made", data_params(params, tmp_path / "raw"))
    ours, theirs = by_hostcast(job), by_pandas(job)
    assert (ours.rows, ours.by, theirs.rows, theirs.by) == (ROWS, "hostcast", ROWS, "pandas")
    assert ours.seconds == ours.prepare + ours.featurize + ours.split
    compare(job)
    path = job.folder / "pandas/features.parquet"
    frame = pd.read_parquet(path)
    frame.loc[17, "time_of_day_sin"] += 1e-6
    frame.to_parquet(path)
    with pytest.raises(HostcastError, match="made different features"):
        compare(job)


def test_the_fleet_is_made_from_the_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_fleet(tmp_path / name, 3 * SERVERS, seed, servers=SERVERS)
    one, again, other = (pd.read_parquet(tmp_path / name) for name in "abc")
    assert one.equals(again) and not one.equals(other)
    assert one["server"].nunique() == SERVERS and len(one) == 3 * SERVERS


@pytest.mark.slow
def test_the_page_and_the_file_say_what_was_measured(params: Params, tmp_path: Path) -> None:
    twice = params.benchmark.model_copy(update={"engine_repeats": 2})
    params = params.model_copy(update={"benchmark": twice})
    runs = run_data(params, rows=[ROWS, 2 * ROWS], beside_pandas=ROWS, servers=SERVERS)
    write_data_results(runs, tmp_path / "data.json", None)
    content = json.loads((tmp_path / "data.json").read_text("utf-8"))
    assert [(entry["rows"], entry["by"], entry["repeat"]) for entry in content["readings"]] == [
        (ROWS, "hostcast", 1),
        (ROWS, "pandas", 1),
        (ROWS, "hostcast", 2),
        (ROWS, "pandas", 2),
        (2 * ROWS, "hostcast", 1),
        (2 * ROWS, "hostcast", 2),
    ]
    seconds = [sum(entry[stage] for stage in STAGES) for entry in content["readings"]]
    ratios = sorted([seconds[1] / seconds[0], seconds[3] / seconds[2]])
    assert content["speedup_over_pandas"]["low"] == pytest.approx(ratios[0])
    assert content["speedup_over_pandas"]["high"] == pytest.approx(ratios[1])
    assert content["exponent"] == runs.exponent is not None
    assert content["training"]["rows"] == 2 * ROWS
    page = (tmp_path / "data.md").read_text("utf-8")
    assert f"| {ROWS:,} | pandas |" in page and "the first step is done after" in page

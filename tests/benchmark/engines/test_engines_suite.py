"""The whole suite on a shape that takes a moment."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from engines_data import TINY, quick_params

from hostcast.benchmark import require_success, write_results
from hostcast.benchmark.commit import Commit
from hostcast.benchmark.engines import EngineRuns, engine_metrics, run_engines
from hostcast.benchmark.engines.plan import MEASUREMENTS
from hostcast.errors import HostcastError

pytestmark = pytest.mark.slow

ROWS = TINY.series * TINY.rows


@pytest.fixture
def done(suite) -> EngineRuns:
    runs: EngineRuns = suite.done
    return runs


def test_both_engines_are_measured_in_every_repeat_and_take_turns(done: EngineRuns):
    require_success(done)
    order = done.runs[["repeat", "measurement", "role"]].apply(tuple, axis=1).tolist()

    assert order == [
        (repeat, measurement, role)
        for repeat, roles in enumerate((("reference", "fused"), ("fused", "reference")))
        for measurement in MEASUREMENTS
        for role in roles
    ]
    assert (done.runs[["windows_per_second", "seconds", "peak_memory_mib"]] > 0).all().all()


def test_metrics_name_device_shape_and_measurement(done: EngineRuns):
    metrics = engine_metrics(done)

    assert set(metrics) == {"cpu", "memory"}
    assert set(metrics["cpu"]["fleet"]) == {"loader", "train", "predict", "time_to_quality"}
    for name, entry in metrics["cpu"]["fleet"].items():
        assert {"reference", "fused", "ratio", "spread"} <= set(entry), name
        if name != "time_to_quality":
            assert entry["spread"]["low"] <= entry["ratio"] <= entry["spread"]["high"]
            assert entry["memory"]["fused"]["rss"] > 0
    assert metrics["memory"]["rows"] == ROWS


def test_what_is_kept_names_machine_versions_and_command_and_holds_every_run(
    done: EngineRuns, tmp_path: Path
):
    write_results(done, tmp_path / "results.json", Commit("0f1e2d", dirty=True))
    kept = json.loads((tmp_path / "results.json").read_text())

    assert kept["machine"]["processor"]
    assert kept["machine"]["cores"] > 0
    assert kept["versions"]["torch"]
    assert kept["command"].startswith("python ")
    assert kept["code"] == {"commit": "0f1e2d", "dirty": True}
    assert kept["recipes"]["reference"]["engine"] == "reference"
    assert len(kept["runs"]) == len(done.runs)
    assert kept["agreement"][0]["shape"] == "fleet"
    assert {result["measurement"] for result in kept["results"]} == {*MEASUREMENTS, "time_to_quality"}


def test_the_page_has_a_row_for_each_measurement_and_the_picture_is_svg(done: EngineRuns, tmp_path: Path):
    write_results(done, tmp_path / "results.json", Commit("0f1e2d", dirty=True))
    page = (tmp_path / "results.md").read_text()
    picture = ElementTree.parse(tmp_path / "results.svg")

    for title in ("loading", "training step", "training, end to end", "forecasting", "time to quality"):
        assert f"| `fleet` | {title} |" in page
    assert f"{ROWS:,} rows" in page
    assert "Commit 0f1e2d, with changes." in page
    assert picture.getroot().tag.endswith("svg")


def test_results_are_saved_after_every_part(suite):
    assert [(len(one.shapes), one.memory is not None, bool(one.quality)) for one in suite.saved] == [
        (1, False, False),
        (1, True, False),
        (1, True, True),
    ]


def test_what_fails_at_one_shape_is_told_and_the_others_are_measured(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOSTCAST_STATE_DIR", str(tmp_path))
    params = quick_params(only=["fleet.loader", "large.loader"], engine_repeats=9, time_limit=0.001)
    shapes = {"fleet": TINY, "large": replace(TINY, name="large", rows=5)}
    failed = run_engines(params, engines={"reference": "reference", "fused": "reference"}, shapes=shapes)

    assert set(failed.shapes) == {"fleet"}
    assert failed.runs["repeat"].unique().tolist() == [0], "no time for more"
    assert list(failed.failures) == ["large"]
    with pytest.raises(HostcastError, match="benchmark of large"):
        require_success(failed)

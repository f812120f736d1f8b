"""What the stage leaves behind."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hostcast.benchmark import write_benchmark
from hostcast.benchmark.gains import MATRIX
from hostcast.files import read_json

pytestmark = pytest.mark.slow


def test_metrics_runs_page_and_picture_hold_engines_and_gains(suite, ran, tmp_path: Path):
    files = {name: tmp_path / name for name in ("metrics", "runs", "table", "ratios")}
    write_benchmark(suite.done, ran.result, **files)

    metrics = read_json(files["metrics"])
    assert list(metrics["epoch_seconds"]) == list(MATRIX)
    assert set(metrics["all_against_baseline"]) == {"time", "memory", "quality"}
    assert set(metrics["cpu"]["fleet"]) == {"loader", "train", "predict", "time_to_quality"}
    runs = pd.read_csv(files["runs"])
    assert runs["part"].tolist() == ["engines"] * len(suite.done.runs) + ["gains"] * len(ran.result.runs)
    page = files["table"].read_text()
    assert page.startswith("# Benchmark\n")
    assert page.index("## The engines side by side") < page.index("## The founding document's improvements")
    assert "Commit" not in page, "the stage's outputs are the same for the same code and params"
    assert "<svg" in files["ratios"].read_text()

"""This very machine, scraped by a real Prometheus from a real node_exporter."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import psutil
import pytest

from hostcast.telemetry import prepare
from node_history import asked
from prometheus_server import NodeExporter, Prometheus

SCRAPES = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs: [{{job_name: node, static_configs: [{{targets: ["{target}"]}}]}}]
"""


FOUR = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]


def known(url: str, query: str) -> list[float]:
    """Values of an instant query."""
    with urllib.request.urlopen(f"{url}/api/v1/query", urlencode({"query": query}).encode()) as answer:
        return [float(series["value"][1]) for series in json.load(answer)["data"]["result"]]


def wait_for(url: str, query: str) -> float:
    deadline = time.monotonic() + 60
    while not (values := known(url, query)):
        assert time.monotonic() < deadline, query
        time.sleep(0.2)
    return values[0]


@pytest.mark.slow
def test_the_shipped_queries_fit_a_real_node_exporter_and_its_end_is_seen_at_once(tmp_path: Path) -> None:
    with ExitStack() as exporter:
        target = exporter.enter_context(NodeExporter(tmp_path / "exporter"))
        with Prometheus(tmp_path / "server", scrapes=SCRAPES.format(target=target)) as server:
            first = wait_for(server.url, "timestamp(up == 1)")
            wait_for(server.url, f"vector(time()) > {first} + 14")
            exporter.close()
            # once a scrape has failed, its series are stale
            gone = wait_for(server.url, "timestamp(up == 0)")
            end = wait_for(server.url, f"vector(time()) > {gone} + 8")
            span = {
                "start": pd.Timestamp(first, unit="s").isoformat() + "Z",
                "end": pd.Timestamp(int(end), unit="s").isoformat() + "Z",
            }
            # a target must vary, and on a machine that is wholly busy or idle nothing else does for sure
            clock = {"queries": {"clock": "node_time_seconds % 1000"}, **span}
            usual = {"base__freq": "2s", "base__target_metrics": ["clock"]}
            ours = prepare(asked(server.url, clock, covariates=FOUR, **usual))
            stale = prepare(asked(server.url, clock, **usual))

    telemetry = ours.telemetry
    assert set(telemetry["server"]) == {target}
    assert len(telemetry) >= 5
    means = telemetry[FOUR].mean()
    memory, disk = psutil.virtual_memory(), shutil.disk_usage("/")
    assert means["memory_percent"] == pytest.approx(100 * (1 - memory.available / memory.total), abs=10)
    assert means["disk_percent"] == pytest.approx(100 * (1 - disk.free / disk.total), abs=2)
    assert 0 <= means["cpu_percent"] <= 100
    assert means["load_average"] == pytest.approx(os.getloadavg()[0], abs=10)
    # Prometheus looks back five minutes, but not beyond the mark that a failed scrape leaves
    assert stale.telemetry["timestamp"].max().timestamp() <= gone

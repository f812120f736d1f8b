"""What was pulled is read window by window: the same rows however they are cut, and only what is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hostcast.errors import HostcastError
from hostcast.files import sha256_of
from hostcast.params import Params
from hostcast.telemetry import prepare, prepare_into
from hostcast.telemetry.prometheus import windows
from hostcast.telemetry.wanted import Wanted
from node_history import RESET, SERVERS, asked, busy, used
from small_parts import shrink_parts

WINDOW = 48


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """First steps of the windows that were read; windows are short, and so are parts."""
    shrink_parts(monkeypatch)
    monkeypatch.setattr("hostcast.telemetry.prometheus.source.WINDOW_STEPS", WINDOW)
    seen: list[int] = []
    read = windows.Window.read

    def reading(window: windows.Window, wanted: Wanted) -> Iterator[Any]:
        seen.append(window.span.first)
        return read(window, wanted)

    monkeypatch.setattr(windows.Window, "read", reading)
    return seen


def outcome(params: Params, name: str, kept: Path | None = None) -> tuple[dict[str, str], dict[str, Any]]:
    report = prepare_into(Path(name), params, kept=kept)
    return {path.name: sha256_of(path) for path in sorted(Path(name).iterdir())}, report.quality


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_the_number_of_rows_read_at_once_changes_no_byte(
    rows: int, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = asked(url, {"start": "2025-01-06T22:00", "end": "2025-01-07T12:00"}, static=["role"])
    whole = outcome(params, "whole")
    blocks: list[int] = []
    beside = windows.side_by_side

    def counted(answers: Any, span: Any) -> Any:
        columns = beside(answers, span)
        blocks.append(len(columns["server"]))
        return columns

    monkeypatch.setattr(windows, "side_by_side", counted)
    monkeypatch.setattr(windows, "ROWS_READ", rows)
    assert outcome(params, "blocks") == whole
    assert len(blocks) > 1 and max(blocks) <= max(rows, len(SERVERS))


def test_a_moved_end_reads_the_windows_that_it_touches_and_gives_what_a_full_run_gives(
    url: str, reads: list[int]
) -> None:
    kept = Path("kept")
    until = {"end": "2025-01-07T21:00"}
    before = outcome(asked(url, until), "telemetry", kept)
    assert len(reads) == len(set(reads)) == 12
    reads.clear()
    assert outcome(asked(url, until), "telemetry", kept) == before
    assert reads == []

    new = outcome(asked(url), "telemetry", kept)
    # the last window is longer than it was, and is all that lies in the parts that change
    assert len(set(reads)) == 1
    assert new == outcome(asked(url), "fresh")
    assert new != before


def test_an_altered_query_reads_everything(url: str, reads: list[int]) -> None:
    kept = Path("kept")
    prepare_into(Path("telemetry"), asked(url), kept=kept)
    reads.clear()
    changed = asked(url, {"queries": {"load_average": "2 * avg_over_time(node_load1[$step])"}})
    assert outcome(changed, "telemetry", kept) == outcome(changed, "fresh")
    assert len(set(reads)) == 2 * 288 // WINDOW


def test_bytes_with_their_total_and_counters_may_be_asked_for_as_they_are(url: str) -> None:
    params = asked(
        url,
        {
            "queries": {
                "memory_percent": "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes",
                "memory_total": "node_memory_MemTotal_bytes",
                "idle": 'avg by ($server) (node_cpu_seconds_total{mode="idle"})',
            },
        },
        base__target_metrics=["memory_percent"],
        covariates=["idle"],
        units={"memory_percent": {"bytes_of": "memory_total"}},
        counters=["idle"],
    )
    prepared = prepare(params)
    assert [query["name"] for query in prepared.quality["prometheus"]["queries"]] == [
        "memory_percent",
        "idle",
        "memory_total",
    ]
    own = prepared.telemetry[prepared.telemetry["server"] == SERVERS[1]].reset_index(drop=True)
    minutes = np.arange(len(own)) * 5 + 5.0
    np.testing.assert_allclose(own["memory_percent"], used(1, minutes), rtol=1e-3)
    idle = own["idle"].to_numpy()
    assert np.isnan(idle[0])
    steady = np.delete(np.arange(1, len(own)), RESET // 5 - 1)
    np.testing.assert_allclose(idle[steady], (1 - busy(1) / 100)[steady], rtol=1e-3)
    assert prepared.quality["columns"]["idle"]["counter"]["counter_resets"] == 1


def test_files_that_may_be_passed_over_are_no_excuse_for_a_query_that_gives_nonsense(url: str) -> None:
    query = {"queries": {"load_average": 'label_replace(node_load1, "role", "x", "", "")'}}
    with pytest.raises(HostcastError, match="has the label"):
        prepare(asked(url, query, static=["role"], on_bad_file="skip"))

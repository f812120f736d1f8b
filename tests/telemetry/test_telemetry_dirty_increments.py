"""What looks across files and times, on top of finished work, is what a run from scratch finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from telemetry_data import made_fleet, made_params

from hostcast.parts import CHUNK_STEPS, read_frame
from hostcast.telemetry import prepare_into

DIRTY = {
    "covariates": ["net"],
    "counters": ["net"],
    "rename_servers": {"web-3": "web-2"},
    "max_clock_skew": "2D",
    "on_bad_file": "skip",
}


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    """Four servers, over an edge between two stretches of time, of which one is renamed in between."""
    frame = made_fleet(4, 400)
    edge = CHUNK_STEPS * 300 * (1_736_100_000 // (CHUNK_STEPS * 300))
    start = pd.Timestamp(edge, unit="s", tz="UTC") - 200 * pd.Timedelta("5min")
    frame["timestamp"] += start - frame["timestamp"].min()
    frame["net"] = np.cumsum(np.random.default_rng(2).integers(0, 10**12, len(frame))).astype(float)
    late = frame["timestamp"] >= start + 120 * pd.Timedelta("5min")
    return frame[~((frame["server"] == "web-3") & late) & ~((frame["server"] == "web-2") & ~late)]


def outcome(raw: Path, out: Path, kept: Path | None) -> tuple[pd.DataFrame, dict]:
    report = prepare_into(out, made_params(raw, **DIRTY), kept=kept)
    return read_frame(out, stage="prepare"), report.quality


@pytest.mark.parametrize("cuts", [[150], [199, 200, 201], [60, 210, 350]])
def test_new_files_give_what_all_files_give(cuts, history, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    steps = (history["timestamp"] - history["timestamp"].min()) // pd.Timedelta("5min")
    for number, (low, high) in enumerate(zip([0, *cuts], [*cuts, 400], strict=True)):
        own = history[(steps >= low) & (steps < high)].copy()
        if number == len(cuts):
            # a clock goes wrong, and a file is cut off
            own.loc[own.index[-5:], "timestamp"] += pd.Timedelta("9D")
            (raw / "broken.parquet").write_bytes(own.to_parquet()[:-9])
        own.to_parquet(raw / f"{number}.parquet")
        grown = outcome(raw, tmp_path / "grown", tmp_path / "kept")
    fresh = outcome(raw, tmp_path / "fresh", None)
    pd.testing.assert_frame_equal(grown[0], fresh[0])
    assert grown[1] == fresh[1]
    assert len(fresh[1]["skipped_files"]) == 1
    assert fresh[1]["rows"]["dropped"]["clock_skew"] == 5
    assert fresh[1]["columns"]["net"]["counter"]["counter_starts"] == 3
    assert {path.name: path.read_bytes() for path in (tmp_path / "grown").iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "fresh").iterdir()
    }

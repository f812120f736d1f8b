"""Data that the benchmark makes itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from engines_data import TINY, quick_params, write_tiny

from hostcast.benchmark.engines.data import FORECAST_FEATURES, forecast_cutoffs, make_frame, open_data
from hostcast.benchmark.engines.shapes import SHAPES, params_of
from hostcast.features import FeatureTable
from hostcast.windows import fit_inputs


def test_the_same_seed_makes_the_same_frame_and_another_seed_another():
    one, same, other = (make_frame(TINY, seed, series=3, rows=50) for seed in (1, 1, 2))

    assert one.equals(same)
    assert not one["metric_0"].equals(other["metric_0"])


def test_a_frame_is_sorted_regular_and_misses_the_share_that_was_asked_for():
    frame = make_frame(TINY, 1, series=20, rows=300)
    steps = frame.groupby("server")["timestamp"].diff().dropna().unique()

    assert frame.equals(frame.sort_values(["server", "timestamp"], ignore_index=True))
    assert list(steps) == [pd.Timedelta("5min")]
    assert abs(frame["metric_0"].isna().mean() - TINY.missing) < 0.01
    assert frame["missing_share"].eq(frame[TINY.target_names].isna().mean(axis=1)).all()


def test_what_is_written_is_read_as_the_stage_train_reads_a_project(tmp_path: Path):
    data = open_data(write_tiny(tmp_path))
    params = params_of(TINY, quick_params(), engine="reference", device="cpu")
    spec = fit_inputs(data.features, data.roles, data.split, params)

    assert data.features.rows == TINY.series * TINY.rows
    assert len(data.split.cutoffs("train")) > TINY.batch_size
    assert (len(spec.known), len(spec.targets), len(spec.observed)) == (4, 2, 1)
    assert list(spec.categories) == ["server"]


def test_every_server_of_the_forecast_table_has_just_the_rows_of_its_window(tmp_path: Path):
    many = FeatureTable.open(write_tiny(tmp_path) / FORECAST_FEATURES)
    cutoffs = forecast_cutoffs(TINY)

    assert many.servers == cutoffs["server"].tolist()
    assert set(np.diff(many.bounds)) == {TINY.encoder_length + TINY.horizon}
    assert cutoffs["position"].eq(TINY.encoder_length - 1).all()


def test_the_shapes_are_those_that_were_promised():
    sizes = {
        name: (
            shape.encoder_length,
            shape.horizon,
            shape.targets,
            shape.hidden_size,
            len(shape.quantiles),
            shape.batch_size,
        )
        for name, shape in SHAPES.items()
    }

    assert sizes == {
        "fleet": (288, 96, 4, 32, 7, 128),
        "large": (288, 96, 14, 128, 7, 256),
        "electricity": (168, 24, 1, 128, 3, 1024),
    }
    assert (SHAPES["electricity"].series, SHAPES["electricity"].known) == (369, 3)

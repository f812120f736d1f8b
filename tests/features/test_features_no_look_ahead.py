from __future__ import annotations

import numpy as np
import pandas as pd
from features_data import TARGETS, params_with, telemetry
from hypothesis import given, settings
from hypothesis import strategies as st

from hostcast.features import featurize
from hostcast.params import Params

ROWS, SERVERS = 60, 2

PARAMS = st.builds(
    params_with,
    time_of_day=st.booleans(),
    day_of_week=st.booleans(),
    lags=st.lists(st.integers(1, ROWS - 1), max_size=3, unique=True),
    rolling_windows=st.lists(st.integers(2, ROWS), max_size=2, unique=True),
    rolling_statistics=st.lists(
        st.sampled_from(["mean", "std", "min", "max"]), min_size=1, max_size=4, unique=True
    ),
    interactions=st.lists(
        st.tuples(st.sampled_from(TARGETS), st.sampled_from(TARGETS)).map(list),
        max_size=2,
        unique_by=tuple,
    ),
    missing_indicators=st.booleans(),
    horizon=st.integers(1, 20),
)
SEEDS = st.integers(0, 2**32 - 1)


def bits(frame: pd.DataFrame) -> bytes:
    """Numbers bit for bit, NaN equal to NaN."""
    numbers = frame.drop(columns=["server", "timestamp"]).to_numpy("float32")
    return np.where(np.isnan(numbers), np.float32(np.nan), numbers).tobytes()


@settings(max_examples=40, deadline=None)
@given(params=PARAMS, seed=SEEDS, instant=st.integers(0, ROWS - 2), scale=st.sampled_from([0.0, 1.0, 1e6]))
def test_whatever_comes_after_an_instant_no_feature_up_to_it_changes(
    params: Params, seed: int, instant: int, scale: float
) -> None:
    before = telemetry(rows=ROWS, servers=SERVERS, missing=0.2, seed=seed)
    after = before.copy()
    later = (before["timestamp"] > before["timestamp"][instant]).to_numpy()
    other = telemetry(rows=ROWS, servers=SERVERS, missing=0.5, seed=seed + 1)
    after.loc[later, list(TARGETS)] = other.loc[later, list(TARGETS)] * np.float32(scale)
    first, second = featurize(before, params).frame, featurize(after, params).frame
    assert bits(first[~later]) == bits(second[~later])


@settings(max_examples=30, deadline=None)
@given(params=PARAMS, seed=SEEDS, known=st.integers(1, ROWS - 1))
def test_rows_that_are_appended_leave_the_features_before_them_as_they_were(
    params: Params, seed: int, known: int
) -> None:
    whole = telemetry(rows=ROWS, servers=SERVERS, missing=0.2, seed=seed)
    # a history shorter than a lag or window is refused
    asked = params.featurize
    known = max(known, *(lag + 1 for lag in asked.lags), *asked.rolling_windows, 1)
    early = (whole.groupby("server").cumcount() < known).to_numpy()
    first = featurize(whole[early], params).frame
    second = featurize(whole, params).frame[early]
    assert bits(first) == bits(second)


@settings(max_examples=30, deadline=None)
@given(params=PARAMS, seed=SEEDS)
def test_a_servers_features_do_not_depend_on_the_other_servers(params: Params, seed: int) -> None:
    whole = telemetry(rows=ROWS, servers=3, missing=0.2, seed=seed)
    alone = (whole["server"] == "web-01").to_numpy()
    assert bits(featurize(whole, params).frame[alone]) == bits(featurize(whole[alone], params).frame)


@settings(max_examples=30, deadline=None)
@given(params=PARAMS, seed=SEEDS, cutoff=st.integers(0, ROWS - 2))
def test_what_counts_as_known_ahead_needs_no_value_from_beyond_the_cutoff(
    params: Params, seed: int, cutoff: int
) -> None:
    whole = telemetry(rows=ROWS, servers=1, seed=seed)
    hidden = whole.copy()
    hidden.loc[cutoff + 1 :, list(TARGETS)] = np.nan
    known = ["server", "timestamp", *featurize(whole, params).schema.known_reals]
    over_the_horizon = slice(cutoff + 1, cutoff + 1 + params.split.horizon)
    first = featurize(whole, params).frame[known].iloc[over_the_horizon]
    second = featurize(hidden, params).frame[known].iloc[over_the_horizon]
    assert bits(first) == bits(second)

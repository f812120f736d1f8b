from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from features_data import TARGETS, params_with, telemetry

from hostcast.errors import HostcastError
from hostcast.features import calendar_features, featurize


def test_a_lag_is_the_same_servers_value_so_many_steps_ago() -> None:
    given = telemetry(rows=6, servers=2)
    lagged = featurize(given, params_with(lags=[2])).frame["cpu_percent_lag_2"].to_numpy()
    cpu = given["cpu_percent"].to_numpy()
    np.testing.assert_array_equal(lagged[2:6], cpu[0:4])
    np.testing.assert_array_equal(lagged[8:12], cpu[6:10])
    assert np.isnan(lagged[[0, 1, 6, 7]]).all()


def test_lags_are_made_of_the_targets_that_are_named() -> None:
    made = featurize(telemetry(), params_with(lags=[2, 5], lagged=["load_average"]))
    lags = [name for name in made.frame if "_lag_" in name]
    assert lags == ["load_average_lag_2", "load_average_lag_5"]
    assert [name for name in made.roles["columns"] if "_lag_" in name] == lags


def test_a_lag_as_long_as_the_horizon_is_known_ahead_and_a_shorter_one_is_not() -> None:
    columns = featurize(telemetry(), params_with(lags=[3, 4, 5], horizon=4)).roles["columns"]
    assert columns["disk_percent_lag_3"]["role"] == "observed"
    assert columns["disk_percent_lag_4"]["role"] == "known"
    assert columns["disk_percent_lag_5"]["role"] == "known"


def test_rolling_statistics_agree_with_numpy_on_each_window() -> None:
    given = telemetry(rows=30, servers=3, missing=0.4)
    made = featurize(
        given, params_with(rolling_windows=[5], rolling_statistics=["mean", "std", "min", "max"])
    ).frame
    plain = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max}
    for _, rows in given.groupby("server"):
        for target in TARGETS:
            values = rows[target].to_numpy("float64")
            for end in range(len(rows)):
                window = values[max(0, end - 4) : end + 1]
                window = window[np.isfinite(window)]
                for name, function in plain.items():
                    expected = function(window) if len(window) else np.nan
                    found = made.loc[rows.index[end], f"{target}_{name}_5"]
                    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_a_window_without_an_observed_value_has_no_statistics() -> None:
    given = telemetry(rows=6, servers=1)
    given.loc[1:4, "cpu_percent"] = np.nan
    made = featurize(
        given, params_with(rolling_windows=[3], rolling_statistics=["mean", "std", "min", "max"])
    )
    found = made.frame[[f"cpu_percent_{name}_3" for name in ("mean", "std", "min", "max")]]
    assert found.isna().all(axis=1).tolist() == [False, False, False, True, True, False]


def test_an_interaction_is_a_product_and_missing_where_either_is() -> None:
    given = telemetry(rows=4, servers=1)
    given.loc[2, "load_average"] = np.nan
    made = featurize(given, params_with(interactions=[["cpu_percent", "load_average"]])).frame
    expected = given["cpu_percent"].astype("float64") * given["load_average"].astype("float64")
    np.testing.assert_array_equal(made["cpu_percent_x_load_average"], expected.astype("float32"))


def test_the_missing_share_counts_the_targets_that_are_missing() -> None:
    given = telemetry(rows=3, servers=1)
    given.loc[1, ["cpu_percent", "load_average"]] = np.nan
    given.loc[2, list(TARGETS)] = np.nan
    made = featurize(given, params_with(missing_indicators=True)).frame
    assert made["missing_share"].tolist() == [0.0, 0.5, 1.0]


def test_missing_targets_stay_missing() -> None:
    given = telemetry(missing=0.3)
    pd.testing.assert_frame_equal(featurize(given, params_with()).frame, given)


def test_every_number_is_a_32_bit_float_and_every_column_but_the_key_has_a_role() -> None:
    given = telemetry().assign(requests=1.5, region="eu")
    made = featurize(
        given,
        params_with(
            covariates=["requests"],
            static=["region"],
            time_of_day=True,
            day_of_week=True,
            lags=[1],
            rolling_windows=[2, 3],
            rolling_statistics=["mean", "std"],
            interactions=[["cpu_percent", "requests"]],
            missing_indicators=True,
        ),
    )
    assert list(made.frame.columns) == ["server", "timestamp", *made.schema.columns]
    numbers = made.frame.drop(columns=["server", "timestamp", "region"])
    assert set(numbers.dtypes) == {np.dtype("float32")}
    assert made.schema.targets == list(TARGETS)
    assert made.schema.static_categoricals == ["region"]
    assert made.schema.known_reals == [
        "time_of_day_sin",
        "time_of_day_cos",
        "day_of_week_sin",
        "day_of_week_cos",
    ]
    assert made.schema.observed_reals[0] == "requests"
    assert made.schema.observed_reals[-2:] == ["cpu_percent_x_requests", "missing_share"]
    assert made.roles["columns"]["cpu_percent_x_requests"] == {
        "role": "observed",
        "kind": "real",
        "made_by": "interaction",
        "from": ["cpu_percent", "requests"],
    }


def test_columns_that_no_parameter_names_are_left_behind() -> None:
    made = featurize(telemetry().assign(stray=1.0), params_with())
    assert "stray" not in made.frame


def test_the_table_holds_the_same_calendar_that_is_given_for_future_times() -> None:
    params = params_with(time_of_day=True, day_of_week=True)
    made = featurize(telemetry(rows=400, servers=1), params).frame
    again = calendar_features(made["timestamp"], params.featurize)
    pd.testing.assert_frame_equal(made[list(again.columns)], again)


def test_a_feature_that_would_hide_a_column_is_refused() -> None:
    given = telemetry().assign(missing_share=0.0)
    with pytest.raises(HostcastError, match="missing_share"):
        featurize(given, params_with(missing_indicators=True))


def test_a_product_named_twice_is_refused() -> None:
    pair = ["cpu_percent", "load_average"]
    with pytest.raises(HostcastError, match="cpu_percent_x_load_average"):
        featurize(telemetry(), params_with(interactions=[pair, pair]))


def test_a_column_that_the_params_name_and_the_table_lacks_is_named() -> None:
    with pytest.raises(HostcastError, match="column requests"):
        featurize(telemetry(), params_with(covariates=["requests"]))


def test_a_hole_in_the_grid_is_refused_with_its_row() -> None:
    given = telemetry(rows=5, servers=2).drop(index=[7])
    with pytest.raises(HostcastError) as caught:
        featurize(given, params_with())
    assert caught.value.row == 8


def test_a_server_whose_rows_are_torn_apart_is_refused() -> None:
    given = telemetry(rows=4, servers=2)
    torn = pd.concat([given[:2], given[4:], given[2:4]], ignore_index=True)
    with pytest.raises(HostcastError, match="do not stand together"):
        featurize(torn, params_with())


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(HostcastError, match="no rows"):
        featurize(telemetry()[:0], params_with())


def test_a_product_too_large_for_a_32_bit_number_is_refused_with_its_row() -> None:
    given = telemetry(rows=3, servers=1).assign(bytes=np.float32(1.0))
    given.loc[1, "bytes"] = np.float32(1e30)
    with pytest.raises(HostcastError) as caught:
        featurize(given, params_with(covariates=["bytes"], interactions=[["bytes", "bytes"]]))
    assert (caught.value.column, caught.value.row) == ("bytes_x_bytes", 2)


def test_what_is_given_is_left_as_it_was() -> None:
    given = telemetry(missing=0.2)
    before = given.copy(deep=True)
    featurize(given, params_with(lags=[1], rolling_windows=[3], missing_indicators=True))
    pd.testing.assert_frame_equal(given, before)


@pytest.mark.parametrize(("key", "steps"), [("lags", 12), ("rolling_windows", 13)])
def test_a_reach_beyond_the_longest_server_is_refused(key: str, steps: int) -> None:
    featurize(telemetry(rows=12), params_with(**{key: [steps - 1]}))
    with pytest.raises(HostcastError, match=rf"featurize\.{key} .*the longest server has 12 steps"):
        featurize(telemetry(rows=12), params_with(**{key: [steps]}))

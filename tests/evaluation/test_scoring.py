"""Scores of forecast tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hostcast.errors import HostcastError
from hostcast.evaluation import EvaluationInputs, score

SEASON = 24
MakeInputs = Callable[..., EvaluationInputs]


def _by_loops(forecasts: pd.DataFrame, telemetry: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The scores once more, row by row, sharing nothing with the code under test."""
    first = forecasts["cutoff"].min()
    result = {}
    for target in sorted(set(forecasts["target"])):
        observed = {(r.server, r.timestamp): float(getattr(r, target)) for r in telemetry.itertuples()}
        scale: dict[str, float] = {}
        for server in sorted(set(telemetry["server"])):
            times = sorted(t for s, t in observed if s == server and t <= first)
            pairs = zip(times[SEASON:], times, strict=False)
            steps = [abs(observed[server, now] - observed[server, ago]) for now, ago in pairs]
            steps = [step for step in steps if not math.isnan(step)]
            scale[server] = sum(steps) / len(steps)
        loss: dict[str, list[float]] = {}
        error: dict[str, list[float]] = {}
        size = width = inside = last_error = 0.0
        count = last_count = crossing = dropped = 0
        for _, row in forecasts[forecasts["target"] == target].iterrows():
            actual = observed.get((row["server"], row["timestamp"]), math.nan)
            if math.isnan(actual):
                dropped += 1
                continue
            pinball = 0.0
            for level in (0.1, 0.5, 0.9):
                gap = actual - row[f"q{level:g}"]
                pinball += 2 * (level * gap if gap >= 0 else (level - 1) * gap) / 3
            loss.setdefault(row["server"], []).append(pinball)
            error.setdefault(row["server"], []).append(abs(actual - row["q0.5"]))
            size += abs(actual)
            width += row["q0.9"] - row["q0.1"]
            inside += row["q0.1"] <= actual <= row["q0.9"]
            ladder = [row[name] for name in row.index if name.startswith("q0.")]
            crossing += any(b < a - 1e-9 for a, b in itertools.pairwise(ladder))
            count += 1
            now = row["cutoff"]
            while (row["server"], now) in observed and math.isnan(observed[row["server"], now]):
                now -= pd.Timedelta(1, unit="h")
            if (row["server"], now) in observed:
                last_error += abs(actual - observed[row["server"], now])
                last_count += 1
        losses = [x for each in loss.values() for x in each]
        errors = [x for each in error.values() for x in each]
        result[target] = {
            "wQL": sum(losses) / size,
            "sQL": sum(sum(x) / len(x) / scale[s] for s, x in loss.items()) / len(loss),
            "MAE": sum(errors) / count,
            "MAE_skill": 1 - (sum(errors) / count) / (last_error / last_count),
            "MASE": sum(sum(x) / len(x) / scale[s] for s, x in error.items()) / len(error),
            "cover80": inside / count,
            "width80": width / size,
            "crossed": crossing / count,
            "rows": count,
            "dropped": dropped,
        }
    return result


def test_scores_agree_with_a_plain_loop_also_where_actuals_are_missing(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    forecasts = inputs.forecasts.copy()
    rng = np.random.default_rng(3)
    forecasts["q0.75"] += rng.normal(0, 2, len(forecasts))  # some rows cross
    result = score(forecasts.sample(frac=1, random_state=1), inputs.telemetry, SEASON)
    expected = _by_loops(forecasts, inputs.telemetry)
    for _, row in result.by_target.iterrows():
        for name, value in expected[row["target"]].items():
            assert row[name] == pytest.approx(value, abs=1e-6), name
        assert row["dropped"] > 0
        assert 0 < row["crossed"] < 1
    for name, value in result.overall.items():
        assert value == pytest.approx(np.mean([part[name] for part in expected.values()]), abs=1e-6), name


def test_breakdowns_add_up_to_the_whole(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    result = score(inputs.forecasts, inputs.telemetry, SEASON)
    whole = result.by_target.set_index("target")
    for table in (result.by_horizon, result.by_server):
        weighted = (table["MAE"] * table["rows"]).groupby(table["target"]).sum()
        rows = table.groupby("target")["rows"].sum()
        pd.testing.assert_series_equal(weighted / rows, whole["MAE"], check_names=False)
    assert sorted(result.by_horizon["horizon_hours"].unique()) == [1, 2, 3, 4, 5, 6]


def _synthetic(actual: np.ndarray, quantiles: dict[float, np.ndarray]) -> tuple[pd.DataFrame, pd.DataFrame]:
    times = pd.date_range("2025-01-01", periods=len(actual) + 1, freq="1h", tz="UTC").as_unit("us")
    telemetry = pd.DataFrame({"server": "a", "timestamp": times, "x": np.r_[0.0, actual]})
    keys = {"server": "a", "cutoff": times[:-1], "timestamp": times[1:], "target": "x"}
    return pd.DataFrame(keys | {f"q{level:g}": value for level, value in quantiles.items()}), telemetry


def test_a_perfectly_calibrated_forecast_has_nominal_coverage() -> None:
    count = 20_000
    actual = np.random.default_rng(5).uniform(0, 1, count)
    levels = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    table, telemetry = _synthetic(actual, {level: np.full(count, level) for level in levels})
    result = score(table, telemetry, SEASON)
    np.testing.assert_allclose(result.coverage["observed"], levels, atol=0.01)
    np.testing.assert_allclose(result.intervals["observed"], result.intervals["nominal"], atol=0.01)
    np.testing.assert_allclose(result.intervals["width"], result.intervals["nominal"] / 0.5, atol=0.02)


def test_a_constant_that_is_hit_exactly_neither_helps_nor_harms_calibration() -> None:
    levels = [0.1, 0.5, 0.9]
    table, telemetry = _synthetic(np.full(50, 3.0), {level: np.full(50, 3.0) for level in levels})
    result = score(table, telemetry, SEASON)
    np.testing.assert_allclose(result.coverage["observed"], levels)
    assert result.overall["cover80"] == 1


def test_a_target_without_any_actual_scores_nan_and_stays_out_of_the_mean(make_inputs: MakeInputs) -> None:
    inputs = make_inputs()
    start = min(inputs.test_start.values())
    telemetry = inputs.telemetry.copy()
    telemetry.loc[telemetry["timestamp"] >= start, "load_average"] = np.nan
    result = score(inputs.forecasts, telemetry, SEASON)
    table = result.by_target.set_index("target")
    assert np.isnan(table.loc["load_average", "wQL"])
    assert table.loc["load_average", "rows"] == 0
    assert result.overall["wQL"] == pytest.approx(table.loc["cpu_percent", "wQL"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: pd.concat([t, t.head(1)]), "twice"),
        (lambda t: t.assign(timestamp=t["cutoff"]), "twice|does not lie after"),
        (lambda t: t.head(1).assign(timestamp=t["cutoff"]), "does not lie after"),
        (lambda t: t.assign(**{"q0.5": np.nan}), "not a finite number"),
        (lambda t: t.drop(columns="q0.9"), "0.9"),
        (lambda t: t.drop(columns="cutoff"), "cutoff"),
        (lambda t: t.head(0), "no forecasts"),
        (lambda t: t.assign(target="swap"), "swap|twice"),
    ],
)
def test_a_table_that_can_not_be_scored_is_refused_with_a_reason(
    make_inputs: MakeInputs, spoil: Callable[[pd.DataFrame], Any], message: str
) -> None:
    inputs = make_inputs()
    with pytest.raises(HostcastError, match=message):
        score(spoil(inputs.forecasts), inputs.telemetry, SEASON)

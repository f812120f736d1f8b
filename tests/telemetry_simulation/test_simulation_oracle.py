from __future__ import annotations

import io
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from hostcast.params import SimulateParams
from hostcast.telemetry.simulation import Simulation, oracle_quantiles, simulate_fleet

STEP = pd.Timedelta("5min")
RANGES = {
    "cpu_percent": [0, 100],
    "memory_percent": [0, 100],
    "disk_percent": [0, 100],
    "load_average": [0, None],
}
LEVELS = [0.1, 0.5, 0.9]


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    simulate = SimulateParams(servers=6, days=10, start="2025-01-06", gap_rate=0.0)
    return simulate_fleet(simulate, step=STEP, seed=3)


def cutoffs_of(simulation: Simulation, every: int = 24, horizon: int = 96) -> pd.DataFrame:
    rows = simulation.telemetry[["server", "timestamp"]].rename(columns={"timestamp": "cutoff"})
    left = rows.groupby("server").cumcount(ascending=False)
    place = rows.groupby("server").cumcount()
    return rows[(left >= horizon) & (place >= 576) & (place % every == 0)].reset_index(drop=True)


def forecast(simulation: Simulation, cutoffs: pd.DataFrame, horizon: int = 96) -> pd.DataFrame:
    return oracle_quantiles(
        simulation.truth, cutoffs, horizon=horizon, quantiles=LEVELS, step=STEP, ranges=RANGES
    )


def with_actuals(simulation: Simulation, table: pd.DataFrame) -> pd.DataFrame:
    actual = simulation.telemetry.melt(["server", "timestamp"], var_name="target", value_name="actual")
    return table.merge(actual, on=["server", "timestamp", "target"])


def test_the_forecast_is_the_law_of_the_noise_around_what_is_expected(simulation: Simulation) -> None:
    cutoffs = cutoffs_of(simulation)[:1]
    server, cutoff = cutoffs.loc[0, "server"], cutoffs.loc[0, "cutoff"]
    table = forecast(simulation, cutoffs, horizon=7)
    truth = simulation.truth.set_index(["server", "timestamp", "target"])
    row = table[table["target"] == "load_average"].iloc[4]
    now = truth.loc[(server, cutoff, "load_average")]
    then = truth.loc[(server, cutoff + 5 * STEP, "load_average")]
    p, s = now["persistence"], now["innovation_std"]
    spread = s * np.sqrt(sum(p ** (2 * i) for i in range(5)))
    mean = then["expected"] + p**5 * now["noise"]
    assert row["timestamp"] == cutoff + 5 * STEP
    assert row["q0.5"] == pytest.approx(mean)
    assert row["q0.9"] == pytest.approx(mean + NormalDist().inv_cdf(0.9) * spread)


def test_the_interval_covers_what_it_promises_at_every_distance(simulation: Simulation) -> None:
    table = with_actuals(simulation, forecast(simulation, cutoffs_of(simulation, every=12)))
    inside = table["actual"].between(table["q0.1"], table["q0.9"])
    ahead = (table["timestamp"] - table["cutoff"]) / STEP
    assert inside.groupby(table["target"]).mean().between(0.77, 0.83).all()
    assert inside.groupby(pd.cut(ahead, [0, 4, 24, 96])).mean().between(0.77, 0.83).all()


def test_the_fleet_can_be_forecast_far_better_than_by_repeating_it(simulation: Simulation) -> None:
    table = with_actuals(simulation, forecast(simulation, cutoffs_of(simulation)))
    seen = simulation.telemetry.melt(["server", "timestamp"], var_name="target", value_name="value")
    last = seen.rename(columns={"timestamp": "cutoff", "value": "last"})
    yesterday = seen.assign(timestamp=seen["timestamp"] + pd.Timedelta("1D")).rename(
        columns={"value": "yesterday"}
    )
    table = table.merge(last, on=["server", "cutoff", "target"]).merge(
        yesterday, on=["server", "timestamp", "target"]
    )
    errors = table[["q0.5", "last", "yesterday"]].sub(table["actual"], axis=0).abs()
    mean = errors.groupby(table["target"]).mean()
    assert (mean["q0.5"] < 0.45 * mean[["last", "yesterday"]].min(axis=1)).all()


def test_the_table_has_the_form_of_every_forecast_table(simulation: Simulation) -> None:
    cutoffs = cutoffs_of(simulation, every=288)
    table = forecast(simulation, cutoffs.sample(frac=1, random_state=1), horizon=3)
    assert list(table.columns) == ["server", "cutoff", "timestamp", "target", "q0.1", "q0.5", "q0.9"]
    assert len(table) == len(cutoffs) * 4 * 3
    assert str(table["cutoff"].dtype) == str(table["timestamp"].dtype) == "datetime64[us, UTC]"
    pd.testing.assert_frame_equal(table, forecast(simulation, cutoffs, horizon=3))
    assert table["server"].is_monotonic_increasing
    assert (np.diff(table[["q0.1", "q0.5", "q0.9"]], axis=1) >= 0).all()


def test_forecasts_stay_within_their_ranges(simulation: Simulation) -> None:
    table = oracle_quantiles(
        simulation.truth,
        cutoffs_of(simulation, every=288),
        horizon=5,
        quantiles=[0.01, 0.99],
        step=STEP,
        ranges={"cpu_percent": [20, 25]},
    )
    cpu = table.loc[table["target"] == "cpu_percent", ["q0.01", "q0.99"]]
    assert cpu.to_numpy().min() == 20
    assert cpu.to_numpy().max() == 25


def test_the_truth_may_have_been_to_a_file_and_back(simulation: Simulation) -> None:
    buffer = io.BytesIO()
    simulation.truth.to_parquet(buffer)
    cutoffs = cutoffs_of(simulation, every=288)
    again = oracle_quantiles(
        pd.read_parquet(buffer), cutoffs, horizon=3, quantiles=LEVELS, step=STEP, ranges=RANGES
    )
    pd.testing.assert_frame_equal(again, forecast(simulation, cutoffs, horizon=3))


def test_a_horizon_beyond_the_simulation_is_refused(simulation: Simulation) -> None:
    last = simulation.telemetry.groupby("server")["timestamp"].max().rename("cutoff").reset_index()
    with pytest.raises(ValueError, match="not in the truth"):
        forecast(simulation, last, horizon=1)


def test_a_server_that_was_not_simulated_is_refused(simulation: Simulation) -> None:
    stranger = cutoffs_of(simulation)[:1].assign(server="web-99")
    with pytest.raises(ValueError, match="web-99"):
        forecast(simulation, stranger)

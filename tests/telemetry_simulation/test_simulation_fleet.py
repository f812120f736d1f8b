from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hostcast.errors import HostcastError
from hostcast.params import SimulateParams
from hostcast.telemetry.simulation import Simulation, simulate_fleet
from hostcast.telemetry.simulation.clock import make_clock

METRICS = ["cpu_percent", "memory_percent", "disk_percent", "load_average"]
FIVE_MINUTES = pd.Timedelta("5min")


def fleet(
    servers: int = 5,
    days: int = 4,
    *,
    start: str = "2025-01-06",
    gap_rate: float = 0.01,
    step: pd.Timedelta = FIVE_MINUTES,
    seed: int = 7,
) -> Simulation:
    simulate = SimulateParams(servers=servers, days=days, start=start, gap_rate=gap_rate)
    return simulate_fleet(simulate, step=step, seed=seed)


@pytest.fixture(scope="module")
def month() -> Simulation:
    return fleet(servers=24, days=28, gap_rate=0.002)


def test_the_same_seed_gives_the_same_fleet_and_another_seed_another() -> None:
    first, second, other = fleet(seed=1), fleet(seed=1), fleet(seed=2)
    pd.testing.assert_frame_equal(first.telemetry, second.telemetry)
    pd.testing.assert_frame_equal(first.truth, second.truth)
    assert not np.array_equal(first.truth["noise"], other.truth["noise"])
    assert not np.array_equal(first.truth["expected"], other.truth["expected"])


def test_a_larger_fleet_leaves_the_servers_it_had_as_they_were() -> None:
    small, large = fleet(servers=4), fleet(servers=15)
    for name in ("telemetry", "truth"):
        before, after = getattr(small, name), getattr(large, name)
        kept = after[after["server"].isin(before["server"].unique())].reset_index(drop=True)
        pd.testing.assert_frame_equal(before, kept)


@pytest.mark.parametrize("start", ["2025-01-06", "2025-01-08 13:17"])
def test_a_longer_span_leaves_what_came_before_as_it_was(start: str) -> None:
    short, long = (fleet(servers=9, days=days, start=start) for days in (8, 17))
    for name in ("telemetry", "truth"):
        before, after = (
            frame[frame["server"] != "web-02"] for frame in (getattr(short, name), getattr(long, name))
        )
        kept = after[after["timestamp"] <= short.truth["timestamp"].max()]
        pd.testing.assert_frame_equal(
            before.reset_index(drop=True), kept.reset_index(drop=True), check_exact=True
        )


def test_a_longer_span_changes_no_value_of_the_late_server_either() -> None:
    key = ["server", "timestamp", "target"]
    short, long = (fleet(servers=4, days=days).truth.set_index(key) for days in (3, 9))
    shared = short.index.intersection(long.index)
    assert "web-02" in shared.get_level_values("server")
    pd.testing.assert_frame_equal(short.loc[shared], long.loc[shared], check_exact=True)


def test_what_is_observed_is_the_truth_within_range(month: Simulation) -> None:
    truth = month.truth.assign(value=month.truth["expected"] + month.truth["noise"])
    wide = truth.pivot(index=["server", "timestamp"], columns="target", values="value")[METRICS]
    seen = month.telemetry.set_index(["server", "timestamp"])[METRICS]
    expected = wide.loc[seen.index].clip(lower=0, upper=[100, 100, 100, np.inf], axis=1)
    np.testing.assert_array_equal(seen, expected)


def test_clipping_is_rare(month: Simulation) -> None:
    value = month.truth["expected"] + month.truth["noise"]
    beyond = (value < 0) | ((value > 100) & (month.truth["target"] != "load_average"))
    assert beyond.mean() < 1e-4


def test_the_tables_have_the_promised_columns_types_and_order(month: Simulation) -> None:
    telemetry, truth = month.telemetry, month.truth
    assert list(telemetry.columns) == ["server", "timestamp", *METRICS]
    assert list(truth.columns) == [
        "server",
        "timestamp",
        "target",
        "expected",
        "noise",
        "persistence",
        "innovation_std",
    ]
    for frame in (telemetry, truth):
        assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
        assert frame["server"].dtype == "str"
        ordered = frame.sort_values(["server", "timestamp"], kind="stable")
        assert ordered.index.equals(frame.index)
        assert not frame.isna().any(axis=None)
    assert not telemetry.duplicated(["server", "timestamp"]).any()


def test_the_truth_has_lost_rows_too(month: Simulation) -> None:
    steps = month.truth.groupby("server")["timestamp"].nunique().drop("web-02")
    assert (steps == 28 * 288).all()
    assert (month.truth.groupby(["server", "timestamp"]).size() == 4).all()


def test_noise_is_first_order_autoregressive_with_the_stated_law(month: Simulation) -> None:
    truth = month.truth
    lagged = truth.groupby(["server", "target"])["noise"].shift(1)
    innovation = ((truth["noise"] - truth["persistence"] * lagged) / truth["innovation_std"]).dropna()
    assert abs(innovation.mean()) < 0.01
    assert innovation.std() == pytest.approx(1, abs=0.01)
    assert innovation.kurt() == pytest.approx(0, abs=0.05)
    series = innovation.groupby([truth["server"], truth["target"]])
    assert series.apply(lambda values: values.autocorr()).abs().max() < 0.06
    stationary = truth["noise"] / truth["innovation_std"] * np.sqrt(1 - truth["persistence"] ** 2)
    assert stationary.std() == pytest.approx(1, abs=0.03)


def test_load_is_noisy_when_cpu_is(month: Simulation) -> None:
    noise = month.truth[month.truth["server"] == "web-01"].pivot(
        index="timestamp", columns="target", values="noise"
    )
    assert noise["cpu_percent"].corr(noise["load_average"]) > 0.5


def test_about_the_asked_share_of_rows_is_lost_in_gaps_of_a_step_to_hours() -> None:
    made = fleet(servers=12, days=14, gap_rate=0.05)
    steps = made.truth.groupby("server")["timestamp"].nunique().sum()
    assert 1 - len(made.telemetry) / steps == pytest.approx(0.05, rel=0.15)
    gaps = made.telemetry.groupby("server")["timestamp"].diff().dropna()
    gaps = gaps[gaps > FIVE_MINUTES] - FIVE_MINUTES
    assert gaps.min() == FIVE_MINUTES
    assert gaps.max() > pd.Timedelta("2h")


def test_without_gaps_no_row_is_lost() -> None:
    made = fleet(gap_rate=0.0)
    assert len(made.telemetry) * 4 == len(made.truth)


def test_one_server_joins_late_where_there_are_more_than_three() -> None:
    first = fleet(servers=6, days=10, gap_rate=0.0).telemetry.groupby("server")["timestamp"].min()
    late = first[first > first.min()]
    assert list(late.index) == ["web-02"]
    assert late.iloc[0] - first.min() == pd.Timedelta("2D")
    assert fleet(servers=3, gap_rate=0.0).telemetry.groupby("server")["timestamp"].min().nunique() == 1


def test_names_tell_the_kind_of_server_and_are_unique() -> None:
    names = fleet(servers=40, days=2, step=pd.Timedelta("1h")).telemetry["server"].unique()
    assert len(names) == 40
    assert {name.split("-")[0] for name in names} == {"web", "db", "batch", "app", "cache", "ci"}


def test_servers_differ_in_level_and_in_amplitude(month: Simulation) -> None:
    servers = month.telemetry.groupby("server")[METRICS]
    assert (servers.mean().max() > 1.4 * servers.mean().min()).all()
    assert (servers.std().max() > 1.4 * servers.std().min()).all()


@pytest.mark.parametrize("step", ["30s", "1min", "7min", "1h"])
def test_the_fleet_looks_alike_in_any_step(step: str) -> None:
    usual = fleet(servers=6, days=7, gap_rate=0.0).telemetry
    made = fleet(servers=6, days=7, gap_rate=0.0, step=pd.Timedelta(step)).telemetry
    assert (made["timestamp"][1] - made["timestamp"][0]) == pd.Timedelta(step)
    levels, others = (frame.groupby("server")[METRICS].mean() for frame in (usual, made))
    np.testing.assert_allclose(others, levels, rtol=0.15)


@pytest.mark.parametrize("step", ["10s", "2h", "1D"])
def test_a_step_that_the_simulation_is_not_made_for_is_refused(step: str) -> None:
    with pytest.raises(HostcastError, match=r"base\.freq"):
        fleet(step=pd.Timedelta(step))


def test_a_step_that_is_too_short_is_told_in_plain_words() -> None:
    with pytest.raises(HostcastError, match="in steps of 1 s") as caught:
        make_clock("2025-01-06", days=2, step=pd.Timedelta("1s"))
    assert caught.value.file == "params.yaml"


def test_a_start_in_another_zone_begins_at_that_instant() -> None:
    made = fleet(start="2025-01-06T00:00:00+02:00", gap_rate=0.0)
    assert made.telemetry["timestamp"].min() == pd.Timestamp("2025-01-05 22:00", tz="UTC")

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hostcast.telemetry.simulation.accumulation import rotated, sawtooth
from hostcast.telemetry.simulation.clock import make_clock
from hostcast.telemetry.simulation.events import draw_deploys, draw_incidents, hours_since
from hostcast.telemetry.simulation.load_shapes import draw_waves, pulse, traffic
from hostcast.telemetry.simulation.noise import autoregressive, lost_rows
from hostcast.telemetry.simulation.profiles import APP, WEB, draw_traits

STEP = pd.Timedelta("5min")
CLOCK = make_clock("2025-01-06", days=28, step=STEP)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_the_clock_counts_hours_of_the_day_and_of_the_week_from_monday() -> None:
    clock = make_clock("2025-01-08 06:30", days=2, step=STEP)
    assert (clock.elapsed[0], clock.hour_of_day[0], clock.hour_of_week[0]) == (0, 6.5, 54.5)
    assert len(clock) == 2 * 288


def test_office_traffic_sleeps_at_night_and_at_the_weekend() -> None:
    demand = traffic(CLOCK, APP, draw_traits(APP, generator()), (draw_waves(generator(), height=0.1),))
    noon = (CLOCK.hour_of_day > 10) & (CLOCK.hour_of_day < 16)
    night = CLOCK.hour_of_day < 5
    weekend = CLOCK.hour_of_week >= 122
    assert demand[noon & ~weekend].mean() > 4 * demand[night & ~weekend].mean()
    assert demand[noon & ~weekend].mean() > 1.8 * demand[noon & weekend].mean()


def test_the_week_has_no_jump_at_its_seam() -> None:
    clock = make_clock("2025-01-06", days=14, step=STEP)
    demand = traffic(clock, WEB, draw_traits(WEB, generator()), (draw_waves(generator(), height=0.1),))
    assert np.abs(np.diff(demand)).max() < 0.05


def test_a_job_runs_for_its_length_once_every_interval() -> None:
    running = pulse(CLOCK.elapsed, length=1.5, every=7.0)
    assert running.mean() == pytest.approx(1.5 / 7.0, rel=0.02)
    assert running.max() <= 1
    assert running.min() >= -1e-12


def test_a_leak_is_cleared_at_its_threshold_and_at_every_restart() -> None:
    leak = sawtooth(
        CLOCK, np.ones(len(CLOCK)), height=20, every=30, filled=0.5, resets=np.array([100.0, 101.0])
    )
    assert (leak.level >= 0).all()
    assert (leak.level < 20).all()
    assert leak.level[0] == pytest.approx(10, abs=0.1)
    cleared = CLOCK.elapsed[leak.cleared][:5]
    np.testing.assert_allclose(cleared, [15, 45, 75, 100, 101], atol=0.1)


def test_logs_grow_until_their_rotation() -> None:
    logs = rotated(CLOCK, np.ones(len(CLOCK)), size=12, hour=3.0, every=24)
    falls = np.flatnonzero(np.diff(logs) < 0) + 1
    assert (CLOCK.hour_of_day[falls] == 3).all()
    assert len(falls) == 28
    assert logs.max() == pytest.approx(12, rel=0.01)


def test_an_incident_shows_for_hours_before_it_fails() -> None:
    clock = make_clock("2025-01-06", days=200, step=STEP)
    incidents = draw_incidents(clock, WEB, generator(3))
    assert 8 <= len(incidents.repaired_at) <= 40
    for progress, failed in (
        (incidents.memory, incidents.memory_failed),
        (incidents.disk, incidents.disk_failed),
        (incidents.overload, incidents.overload_failed),
    ):
        for begin in np.flatnonzero(np.diff(failed) > 0) + 1:
            before = progress[begin - int(8 / clock.step_hours) : begin]
            assert (np.diff(before) > 0).all()
            assert 0 < before[0] < 0.6


def test_releases_go_out_on_working_days_in_office_hours() -> None:
    clock = make_clock("2025-01-09 17:40", days=200, step=STEP)
    deploys = draw_deploys(clock, WEB, generator(5))
    hour_of_week = (clock.hour_of_week[0] + deploys.at) % 168
    assert len(deploys.at) > 20
    assert (hour_of_week < 4 * 24).all()
    assert ((hour_of_week % 24 >= 9.5) & (hour_of_week % 24 <= 15.5)).all()


def test_hours_since_an_event_are_infinite_before_the_first() -> None:
    since = hours_since(np.arange(5.0), np.array([False, True, False, False, True]))
    assert since.tolist() == [np.inf, 0, 1, 2, 0]


def test_noise_that_forgets_at_once_is_white() -> None:
    draws = generator().standard_normal((100, 2))
    made = autoregressive(draws, np.zeros(2), np.array([1.0, 3.0]))
    np.testing.assert_array_equal(made, draws * [1.0, 3.0])


@pytest.mark.parametrize("gap_rate", [0.002, 0.05, 0.3])
@pytest.mark.parametrize("step_hours", [1 / 120, 1 / 12, 1.0])
def test_the_share_of_lost_rows_is_the_asked_one_in_the_mean(gap_rate: float, step_hours: float) -> None:
    steps = int(2000 / step_hours)
    lost = [
        lost_rows(steps, step_hours=step_hours, gap_rate=gap_rate, rng=generator(seed)) for seed in range(40)
    ]
    assert np.mean(lost) == pytest.approx(gap_rate, rel=0.1)

"""When counting begins and when it ends."""

from __future__ import annotations

import time

from hostcast.benchmark.engines.pace import Pace


def test_what_comes_before_it_is_warm_is_not_counted():
    pace = Pace(seconds=0.0, warm_batches=3, least=2, device="cpu")
    for _ in range(5):
        assert not pace.done
        pace.tick(10)

    assert pace.done
    assert pace.windows == 20


def test_a_pace_that_need_not_warm_up_counts_from_the_first_batch():
    pace = Pace(seconds=0.0, warm_batches=0, least=1, device="cpu")
    pace.tick(7)

    assert pace.done
    assert (pace.windows, pace.warm_up_seconds) == (7, 0.0)
    assert pace.seconds > 0


def test_it_counts_for_as_long_as_it_was_told():
    pace = Pace(seconds=0.05, warm_batches=1, device="cpu")
    while not pace.done:
        time.sleep(0.001)
        pace.tick(1)

    assert pace.seconds >= 0.05
    assert pace.windows_per_second == pace.windows / pace.seconds


def test_work_that_ends_early_counts_as_far_as_it_went():
    pace = Pace(seconds=60.0, warm_batches=1, device="cpu")
    for _ in range(3):
        pace.tick(4)
    pace.finish()

    assert pace.done
    assert pace.windows == 8


def test_work_that_ends_before_it_is_warm_has_no_speed():
    pace = Pace(seconds=60.0, warm_batches=5, device="cpu")
    pace.tick(4)
    pace.finish()

    assert pace.windows_per_second == 0.0

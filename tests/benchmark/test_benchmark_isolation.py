"""Runs that know nothing of each other."""

from __future__ import annotations

import pytest
from benchmark_data import (
    Counter,
    allocate,
    fall_out,
    own_process,
    peaks_before_and_after_forgetting,
    warns,
)

from hostcast.benchmark.isolation import OwnProcess, in_fresh_process
from hostcast.errors import HostcastError


def test_the_memory_of_one_run_does_not_show_in_the_next():
    before, large, after = (in_fresh_process(allocate, mib, label="a run") for mib in (1, 200, 1))

    assert large > before + 150
    assert after < before + 50


def test_every_run_has_a_process_of_its_own():
    assert len({in_fresh_process(own_process, None, label="a run") for _ in range(3)}) == 3


def test_a_problem_in_a_run_arrives_with_its_remedy():
    with pytest.raises(HostcastError, match="workers, repeat 2: the loss diverged") as caught:
        in_fresh_process(fall_out, "problem", label="workers, repeat 2")

    assert caught.value.remedy == "lower train.learning_rate"


def test_a_crash_in_a_run_arrives_with_its_traceback():
    with pytest.raises(RuntimeError, match="never seen before"):
        in_fresh_process(fall_out, "crash", label="a run")


def test_a_killed_run_is_reported_with_its_exit_code():
    with pytest.raises(HostcastError, match="exit code -9"):
        in_fresh_process(fall_out, "kill", label="a run")


def test_an_object_is_held_from_one_question_to_the_next():
    with OwnProcess("counting") as process:
        process.hold(Counter, 5)

        assert [process.ask("add", 1), process.ask("add", 2)] == [6, 8]


def test_a_process_goes_on_after_a_problem():
    with OwnProcess("a run") as process:
        with pytest.raises(HostcastError):
            process.run(fall_out, "problem")

        assert process.run(own_process, None) == process.run(own_process, None)


def test_advice_that_is_the_same_in_all_processes_is_not_theirs_to_give():
    with OwnProcess("a run") as process:
        assert not process.run(warns, "hostcast.native.library")
        assert not process.run(warns, "hostcast.training.fit")
        assert process.run(warns, "hostcast.training.resume")


def test_a_peak_of_memory_can_be_forgotten():
    high, later = in_fresh_process(peaks_before_and_after_forgetting, 300, label="a run")

    assert later < high - 200

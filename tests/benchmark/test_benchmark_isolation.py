"""Runs that know nothing of each other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmark_data import (
    SHIPPED,
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


WAITING = """
import sys
from pathlib import Path
from benchmark_data import wait_with_something_on_the_disk
from hostcast.benchmark.isolation import OwnProcess
from hostcast.stage import run_stage

def main(params):
    print("begun", flush=True)
    with OwnProcess("waiting") as process:
        process.run(wait_with_something_on_the_disk, Path("scratch"))

if __name__ == "__main__":
    sys.exit(run_stage("benchmark", main, restores=False, again="go on"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_one_line_whenever_it_comes_and_leaves_nothing_behind(
    tmp_path: Path, early: bool, number: signal.Signals
):
    shutil.copyfile(SHIPPED, tmp_path / "params.yaml")
    (tmp_path / "waiting.py").write_text(WAITING)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    places = [str(SHIPPED.parent / "src"), str(Path(__file__).parent)]
    running = subprocess.Popen(
        [sys.executable, "waiting.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell's background job starts deaf to it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    end = time.monotonic() + 120
    while not early and not any(scratch.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.05)
    if number == signal.SIGINT:
        # a terminal tells all of them
        os.killpg(running.pid, number)
    else:
        running.send_signal(number)
    said = running.communicate(timeout=60)[1]

    assert running.returncode == 130
    assert said == "benchmark | interrupted; go on\n"
    assert not any(scratch.iterdir())

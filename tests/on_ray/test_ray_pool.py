"""The pool that is a Ray cluster: order, errors, lost nodes, and what it refuses."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_nodes import Nodes

from hostcast.errors import HostcastError
from hostcast.parts import Pool, pool_of
from hostcast.parts.ray_worker import Home


@pytest.fixture(scope="module")
def pool(running: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    running.complete()
    with pool_of("ray", running.address, tmp_path_factory.mktemp("place")) as pool:
        yield pool


def test_results_come_in_the_tasks_order(pool: Pool) -> None:
    import time

    def work(task: int) -> tuple[int, int]:
        time.sleep(0.05 * (task % 3))
        return task, os.getpid()

    results = list(pool.each_in_order(work, range(20)))
    assert [task for task, _ in results] == list(range(20))
    assert os.getpid() not in {process for _, process in results}


def test_the_first_error_in_the_tasks_order_is_raised_as_it_was(pool: Pool) -> None:
    def work(task: int) -> int:
        if task == 3:
            raise HostcastError(
                "is odd", remedy="make it even", file=Path("a 'file'"), column="number", row=task
            )
        if task > 3:
            raise OSError(28, "No space left on device", "somewhere")
        return task

    with pytest.raises(HostcastError) as error:
        list(pool.each_in_order(work, range(6)))
    assert (error.value.problem, error.value.remedy) == ("is odd", "make it even")
    assert (error.value.file, error.value.column, error.value.row) == ("a 'file'", "number", 3)


def test_a_full_disk_there_is_a_full_disk_here(pool: Pool) -> None:
    def work(task: int) -> int:
        raise OSError(28, "No space left on device", "somewhere")

    with pytest.raises(OSError, match="No space left") as error:
        list(pool.each_in_order(work, [1]))
    assert (error.value.errno, error.value.filename) == (28, "somewhere")


def test_a_mistake_in_the_work_keeps_its_traceback(pool: Pool) -> None:
    def work(task: int) -> float:
        return 1 / task

    with pytest.raises(ZeroDivisionError, match="in work"):
        list(pool.each_in_order(work, [0]))


def test_messages_are_heard_here_in_the_tasks_order(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    def work(task: int) -> None:
        logging.getLogger("hostcast.there").warning("this is %s", f"task {task}, 100%")

    list(pool.each_in_order(work, range(4)))
    heard = [(record.name, record.getMessage()) for record in caplog.records]
    assert heard == [("hostcast.there", f"this is task {number}, 100%") for number in range(4)]


def test_a_task_is_done_again_elsewhere_when_its_node_dies(
    running: Nodes, pool: Pool, tmp_path: Path
) -> None:
    import time

    def work(task: int) -> int:
        with (tmp_path / f"{task}.begun").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.1)
        (tmp_path / f"{task}.ended").touch()
        return task

    def begun() -> dict[str, list[int]]:
        return {
            path.stem: [int(pid) for pid in path.read_text().split()] for path in tmp_path.glob("*.begun")
        }

    def within_a_task(process: int) -> bool:
        return any(
            process in by and not (tmp_path / f"{task}.ended").exists() for task, by in begun().items()
        )

    running.complete()
    with running.second_killed_at_work(within_a_task) as killed:
        assert list(pool.each_in_order(work, range(20))) == list(range(20))
    twice = [by for by in begun().values() if len(by) > 1]
    assert [by[0] for by in twice] == killed


def test_a_machine_that_does_not_see_the_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Home.made_in(Path())
    home.enter()
    home.mark.write_text("of another machine", "utf-8")
    with pytest.raises(HostcastError, match=r"doesn't see this folder\n.*all machines mount"):
        home.enter()
    home.mark.unlink()
    with pytest.raises(HostcastError, match="doesn't see this folder"):
        home.enter()


def test_a_machine_with_other_versions_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Home.made_in(Path())
    other = Home(made.folder, made.mark, made.token, code="0" * 64)
    with pytest.raises(HostcastError, match=r"other versions of hostcast.*\n.*install the same"):
        other.enter()

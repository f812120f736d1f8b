"""Kernels are there or not, and run in pieces that no number of threads changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hostcast.native import library as native
from hostcast.native import load_kernels, run_chunks


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("HOSTCAST_NATIVE", raising=False)
    load_kernels.cache_clear()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    load_kernels.cache_clear()


def test_the_kernels_are_compiled_here() -> None:
    kernels = load_kernels()
    assert kernels is not None
    assert kernels.hostcast_lanes() >= 8
    assert load_kernels() is kernels


def test_the_environment_can_do_without_kernels_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOSTCAST_NATIVE", "0")
    with caplog.at_level(logging.INFO):
        assert load_kernels() is None
        assert load_kernels() is None
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "$HOSTCAST_NATIVE is 0: computing on the CPU with torch alone, which is slower")
    ]


def test_that_there_is_no_compiler_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load_kernels() is None
    assert load_kernels() is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert (
        "no C compiler (cc, gcc or clang) found: computing with torch alone, which is slower" in caplog.text
    )


def test_without_a_library_there_are_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "compile_sources", lambda sources: None)
    assert load_kernels() is None


def test_a_library_that_cannot_be_loaded_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kernels.so").write_bytes(b"no library")
    monkeypatch.setattr(native, "compile_sources", lambda sources: tmp_path / "kernels.so")
    assert load_kernels() is None
    assert "the kernels can't be loaded, computing with torch alone" in caplog.text


def test_a_library_that_another_process_removed_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled = native.compile_sources
    answers: list[Path] = [tmp_path / "removed.so"]
    monkeypatch.setattr(
        native, "compile_sources", lambda sources: answers.pop() if answers else compiled(sources)
    )
    assert load_kernels() is not None
    assert not caplog.text


def pieces(items: int, chunks: int, threads: int) -> tuple[list[tuple[int, int, int]], set[int]]:
    torch.set_num_threads(threads)
    seen: list[tuple[int, int, int]] = []
    workers: set[int] = set()

    def task(chunk: int, first: int, last: int) -> None:
        seen.append((chunk, first, last))
        workers.add(threading.get_ident())

    run_chunks(task, items, chunks)
    return sorted(seen), workers


@given(items=st.integers(0, 100), chunks=st.integers(1, 9), threads=st.integers(1, 4))
def test_pieces_are_even_and_the_same_on_any_number_of_threads(items: int, chunks: int, threads: int) -> None:
    found, workers = pieces(items, chunks, threads)
    assert found == pieces(items, chunks, 1)[0]
    assert [chunk for chunk, _, _ in found] == list(range(chunks))
    covered = [item for _, first, last in found for item in range(first, last)]
    assert covered == list(range(items))
    sizes = [last - first for _, first, last in found]
    assert max(sizes) - min(sizes) <= 1
    assert len(workers) <= threads


def test_pieces_run_on_as_many_threads_as_torch_has() -> None:
    torch.set_num_threads(3)
    together = threading.Barrier(3, timeout=30)
    run_chunks(lambda chunk, first, last: together.wait(), 3, 3)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("broken", range(4))
def test_an_error_in_any_thread_reaches_the_caller_once_all_are_done(threads: int, broken: int) -> None:
    torch.set_num_threads(threads)
    running: set[int] = set()

    def task(chunk: int, first: int, last: int) -> None:
        running.add(chunk)
        if chunk == broken:
            running.discard(chunk)
            raise MemoryError(f"piece {chunk}")
        time.sleep(0.02)
        running.discard(chunk)

    with pytest.raises(MemoryError, match=f"piece {broken}"):
        run_chunks(task, 8, 4)
    # what they write to is freed when the error leaves the caller
    assert not running

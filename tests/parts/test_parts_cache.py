"""What is kept from one run to the next, and what is not trusted."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from hostcast.files import sha256_of
from hostcast.parts import PartCache, PartFile, code_digest, digest_of, each_in_order, open_cache


def filled(folder: Path) -> PartCache:
    cache = PartCache(folder)
    cache.keep("a", {"rows": 3})
    path = cache.path("b")
    path.write_bytes(b"content")
    cache.keep_part("b", PartFile("b.parquet", sha256_of(path), 7), {"sum": 1.5})
    return cache


def test_notes_and_parts_come_back(tmp_path: Path) -> None:
    filled(tmp_path)
    again = PartCache(tmp_path)
    assert again.note("a") == {"rows": 3}
    found = again.part("b")
    assert found is not None
    assert found[0].bytes == 7 and found[1] == {"sum": 1.5}
    assert again.note("c") is None and again.part("c") is None


@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe", b"0\n{}", b'{"rows": 4}'])
def test_a_damaged_note_is_ignored_and_said(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path)
    (tmp_path / "a.json").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert PartCache(tmp_path).note("a") is None
    assert "damaged entry" in caplog.text


@pytest.mark.parametrize("content", [b"", b"contenT", b"content and more", None])
def test_a_part_that_is_not_what_was_written_is_ignored(content: bytes | None, tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "b.parquet").unlink()
    if content is not None:
        (tmp_path / "b.parquet").write_bytes(content)
    assert PartCache(tmp_path).part("b") is None


def test_what_a_run_did_not_use_goes_when_it_ends_well(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_cache(tmp_path, tmp_path / "other") as cache:
        assert cache.part("b") is not None
        cache.keep("d", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "b.json", "b.parquet", "d.json"]


def test_a_run_that_fails_leaves_the_cache_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(RuntimeError), open_cache(tmp_path, tmp_path / "other") as cache:
        cache.keep("d", [])
        raise RuntimeError
    assert {path.name for path in tmp_path.iterdir()} >= {"a.json", "b.json", "b.parquet", "d.json"}


def test_two_runs_at_once_do_not_share_it(tmp_path: Path) -> None:
    filled(tmp_path / "kept")
    with (
        open_cache(tmp_path / "kept", tmp_path / "one") as first,
        open_cache(tmp_path / "kept", tmp_path / "two") as second,
    ):
        assert (first.folder, second.folder) == (tmp_path / "kept", tmp_path / "two")
        assert first.note("a") is not None and second.note("a") is None


def test_a_key_tells_contents_apart_and_code_too(tmp_path: Path) -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 2, "b": 1})
    (tmp_path / "m.py").write_text("x = 1\n")
    before = code_digest([tmp_path])
    (tmp_path / "m.py").write_text("x = 2\n")
    assert code_digest([tmp_path]) != before


def test_results_come_in_the_order_of_tasks_whatever_takes_longer() -> None:
    gate = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            gate.wait(10)
        if number == 1:
            gate.set()
        return number

    assert list(each_in_order(work, range(20), threads=3)) == list(range(20))


def test_the_first_task_that_fails_is_the_one_that_is_told_of() -> None:
    gate = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            gate.wait(10)
        gate.set()
        if number in (1, 2):
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="1"):
        list(each_in_order(work, range(20), threads=4))

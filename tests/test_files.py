"""Artifacts are written whole or not at all, and the same content is the same bytes."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hostcast.files import (
    atomic_path,
    read_json,
    sha256_of,
    unsynced_path,
    write_json,
    write_parquet,
    write_text,
)


def test_an_exception_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "seen.txt"
    write_text(path, "old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text("utf-8") == "old"
        # a rename is atomic only within one file system
        assert temporary.parent == path.parent
    assert path.read_text("utf-8") == "new"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "part"
    with unsynced_path(path) as first:
        first.write_text("half of the fi")
        with unsynced_path(path) as second:
            second.write_text("second")
        assert path.read_text("utf-8") == "second"
        first.write_text("first")
    assert path.read_text("utf-8") == "first"
    with pytest.raises(RuntimeError), unsynced_path(path) as third:
        third.write_text("half of the th")
        raise RuntimeError
    assert {each.read_text("utf-8") for each in tmp_path.iterdir()} == {"first"}


def test_a_full_disk_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_json(path, {"old": True})
    code = (
        "import errno, sys; from pathlib import Path; from hostcast.files import write_json\n"
        "try: write_json(Path(sys.argv[1]), ['x' * 100] * 1000)\n"
        "except OSError as error: sys.exit(7 if error.errno == errno.EFBIG else 1)"
    )
    # a limit on the size of files fails where a full disk would: in the middle of writing
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.returncode == 7
    assert read_json(path) == {"old": True}
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "text")
    assert (tmp_path / "a" / "b" / "c.txt").read_text("utf-8") == "text"


def test_files_are_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "shared.txt", "text")
        with atomic_path(tmp_path / "replaced.txt") as temporary:
            temporary.unlink()
            temporary.touch(0o600)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_writing_leaves_the_umask_alone_as_other_threads_write_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(mask: int) -> int:
        raise AssertionError(f"umask({mask}) holds for all threads")

    monkeypatch.setattr(os, "umask", asked)
    write_text(tmp_path / "text.txt", "text")
    assert (tmp_path / "text.txt").read_text("utf-8") == "text"


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "text.txt", "größer\nals\n")
    assert (tmp_path / "text.txt").read_bytes() == "größer\nals\n".encode()


def test_json_comes_back_as_it_was_and_keeps_the_order_of_keys(tmp_path: Path) -> None:
    content = {"z": [1, 2.5, None, True], "a": {"ü": "text"}}
    write_json(tmp_path / "content.json", content)
    assert read_json(tmp_path / "content.json") == content
    assert list(read_json(tmp_path / "content.json")) == ["z", "a"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_json_is_refused_and_the_old_file_kept(tmp_path: Path, value: float) -> None:
    path = tmp_path / "content.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"loss": value})
    assert read_json(path) == 1


def made_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "server": ["a", "b"],
            "timestamp": pd.to_datetime(["2025-01-06", "2025-01-07"], utc=True).as_unit("us"),
            "value": np.array([1.5, np.nan], np.float32),
        }
    )


def test_the_same_values_are_the_same_parquet_bytes_whatever_the_index(tmp_path: Path) -> None:
    frame = made_frame()
    write_parquet(tmp_path / "one.parquet", frame)
    other = frame.copy()
    other.index = pd.Index([7, 3], name="row")
    other.attrs["note"] = "not part of the values"
    write_parquet(tmp_path / "other.parquet", other)
    assert sha256_of(tmp_path / "one.parquet") == sha256_of(tmp_path / "other.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one.parquet"), frame)


def test_another_process_writes_the_same_parquet_bytes(tmp_path: Path) -> None:
    write_parquet(tmp_path / "here.parquet", made_frame())
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; import test_files\n"
        "from hostcast.files import write_parquet\n"
        "write_parquet(Path(sys.argv[1]), test_files.made_frame())"
    )
    there = tmp_path / "there.parquet"
    subprocess.run(
        [sys.executable, "-c", code, str(there), str(Path(__file__).parent)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert sha256_of(there) == sha256_of(tmp_path / "here.parquet")


def test_the_hash_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"a" * (1 << 20) + b"b")
    first = sha256_of(path)
    path.write_bytes(b"a" * (1 << 20) + b"c")
    assert first != sha256_of(path)
    path.write_bytes(b"")
    assert sha256_of(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

"""C files are compiled once, into a cache that a changed or damaged file never comes from."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hostcast.native import compile as compiling
from hostcast.native.compile import cache_folder, compile_sources, find_compiler

SCRIPT = "import runpy, sys; from pathlib import Path; \
print(runpy.run_path(sys.argv[1])['compile_sources']([Path(sys.argv[2])]))"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("HOSTCAST_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A C file that says a number, which a header beside it gives."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "number.h").write_text("#define NUMBER 1\n")
    (folder / "number.c").write_text('#include "number.h"\nint number(void) { return NUMBER; }\n')
    return folder / "number.c"


def number_of(library: Path | None) -> int:
    assert library is not None
    return int(ctypes.CDLL(str(library)).number())


def compiler(folder: Path, script: str) -> str:
    """A compiler that does what a shell script says."""
    path = folder / "compiler"
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def test_a_library_is_compiled_once(cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = compile_sources([source])
    assert number_of(library) == 1
    assert list(cache.iterdir()) == [library]

    def refuse(*args: object) -> Path:
        raise AssertionError("compiled again")

    monkeypatch.setattr(compiling, "_compiled", refuse)
    assert compile_sources([source]) == library


def test_a_changed_source_or_header_or_flag_is_another_library(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = [compile_sources([source])]
    (source.parent / "number.h").write_text("#define NUMBER 2\n")
    libraries.append(compile_sources([source]))
    source.write_text('#include "number.h"\nint number(void) { return NUMBER + 1; }\n')
    libraries.append(compile_sources([source]))
    monkeypatch.setattr(compiling, "FLAGS", (*compiling.FLAGS, "-O0"))
    libraries.append(compile_sources([source]))
    monkeypatch.setattr(compiling, "_processor", lambda: "another one")
    libraries.append(compile_sources([source]))
    assert [number_of(library) for library in libraries] == [1, 2, 3, 3, 3]
    assert len(set(libraries)) == 5


@pytest.mark.parametrize("keep", [0, 100, 0.5, 1.0])
def test_a_damaged_library_is_compiled_again(cache: Path, source: Path, keep: float) -> None:
    library = compile_sources([source])
    assert library is not None
    content = library.read_bytes()
    kept = content[: keep if isinstance(keep, int) else int(keep * len(content))]
    # a file that is mapped must not be written to: the damaged one is another
    library.unlink()
    library.write_bytes(kept if len(kept) < len(content) else kept[:-1] + b"\xff")
    assert number_of(compile_sources([source])) == 1
    assert library.read_bytes() == content


def test_processes_that_compile_at_once_do_not_disturb_each_other(cache: Path, source: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, compiling.__file__, str(source)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    libraries = {Path(process.communicate(timeout=60)[0].strip()) for process in processes}
    assert {number_of(library) for library in libraries} == {1}
    assert set(cache.iterdir()) == libraries
    assert compile_sources([source]) in libraries


DAY = 24 * 3600


def left_behind(folder: Path, name: str, *, days: float) -> Path:
    """A file that was used so many days ago."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.touch()
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def test_a_new_library_takes_the_place_of_those_that_nobody_used_for_a_month(
    cache: Path, source: Path
) -> None:
    unused = left_behind(cache, "kernels-0123-4567.so", days=31)
    used = left_behind(cache, "kernels-89ab-cdef.so", days=29)
    others = left_behind(cache, "notes.txt", days=400)
    library = compile_sources([source])
    assert not unused.exists()
    assert set(cache.iterdir()) == {library, used, others}


def test_a_library_that_is_found_counts_as_used_and_clears_nothing(cache: Path, source: Path) -> None:
    library = compile_sources([source])
    assert library is not None
    os.utime(library, (0, 0))
    unused = left_behind(cache, "kernels-0123-4567.so", days=31)
    assert compile_sources([source]) == library
    assert library.stat().st_mtime > time.time() - DAY
    assert unused.exists()
    # so another project's new library leaves it
    source.write_text("int number(void) { return 2; }\n")
    assert number_of(compile_sources([source])) == 2
    assert library.exists()
    assert not unused.exists()


def test_what_cannot_be_removed_stays_without_a_word(
    cache: Path, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = cache / "kernels-0123-4567.so"
    left_behind(stubborn, "a folder of that name", days=31)
    os.utime(stubborn, (0, 0))
    assert number_of(compile_sources([source])) == 1
    assert stubborn.exists()
    assert not caplog.text


def test_a_library_that_is_removed_while_it_is_looked_at_is_compiled_again(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = compile_sources([source])
    assert library is not None
    monkeypatch.setattr(os, "utime", lambda path: library.unlink())
    assert number_of(compile_sources([source])) == 1


def test_a_cache_that_may_only_be_read_gives_its_library(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = compile_sources([source])

    def refuse(path: Path) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(os, "utime", refuse)
    assert compile_sources([source]) == library


def test_processes_that_clear_at_once_do_not_disturb_each_other(cache: Path, source: Path) -> None:
    for number in range(300):
        left_behind(cache, f"kernels-{number}-0.so", days=31)
    command = [sys.executable, "-c", SCRIPT, compiling.__file__, str(source)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    libraries = {Path(process.communicate(timeout=60)[0].strip()) for process in processes}
    assert {process.returncode for process in processes} == {0}
    assert set(cache.iterdir()) == libraries


def test_without_a_compiler_there_is_no_library_and_a_warning(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(source.parent))
    assert find_compiler() is None
    with caplog.at_level(logging.WARNING):
        assert compile_sources([source]) is None
    assert "no C compiler (cc, gcc or clang) found: computing with torch alone" in caplog.text
    assert not cache.exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("#!/bin/sh\necho it does not like you >&2\nexit 1\n", "it does not like you"),
        # says that all went well, and leaves nothing
        ("#!/bin/sh\n", "kernels.so"),
        ("#!/no/such/interpreter\n", "compiler"),
    ],
)
def test_a_compiler_that_fails_leaves_no_library_and_a_warning(
    tmp_path: Path,
    cache: Path,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    script: str,
    reason: str,
) -> None:
    monkeypatch.setenv("CC", compiler(tmp_path, script))
    assert compile_sources([source]) is None
    assert "could not be compiled, computing with torch alone" in caplog.text
    assert reason in caplog.text
    assert not list(cache.glob("*"))


def test_a_compiler_that_does_not_know_this_processor_compiles_for_any(
    tmp_path: Path, cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_compiler()
    script = f'#!/bin/sh\ncase "$*" in *-march=native*) exit 1 ;; esac\nexec {real} "$@"\n'
    monkeypatch.setenv("CC", compiler(tmp_path, script))
    assert number_of(compile_sources([source])) == 1


def test_a_cache_that_cannot_be_written_to_is_a_warning_that_says_what_to_do(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOSTCAST_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert compile_sources([source]) is None
    assert "$HOSTCAST_CACHE_DIR may name another folder" in caplog.text


def test_a_user_without_a_home_has_no_library_and_a_warning(
    source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOSTCAST_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert compile_sources([source]) is None
    assert "Could not determine home directory" in caplog.text


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOSTCAST_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == Path.home() / ".cache" / "hostcast"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "hostcast"
    monkeypatch.setenv("HOSTCAST_CACHE_DIR", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"

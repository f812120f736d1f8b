"""Compiling C sources into a shared library that is kept in the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["cache_folder", "compile_sources", "find_compiler"]

log = logging.getLogger(__name__)

# no -ffast-math: a loss that is not a number must stay one
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-ffp-contract=fast", "-std=gnu11", "-shared", "-fPIC")
FLAGS_PORTABLE = tuple(flag for flag in FLAGS if flag != "-march=native")

# after so many seconds that nobody used it, a library of other sources or another machine goes
UNUSED_SECONDS = 30 * 24 * 3600


def cache_folder() -> Path:
    """$HOSTCAST_CACHE_DIR, or hostcast's folder in the user's cache."""
    named = os.environ.get("HOSTCAST_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hostcast"


def find_compiler() -> str | None:
    """The C compiler: $CC, or the first of cc, gcc and clang on the PATH; None without one."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


def compile_sources(sources: list[Path]) -> Path | None:
    """The shared library of these C files, compiled now or found in the cache.

    Its name holds a hash of the sources, the flags, the compiler and the processor, so a stale one is never
    used, and a hash of its content, so a damaged one isn't either; headers beside the sources count. Nothing
    but the files given is read, and no shell is involved. When one is compiled, those of other names
    that nobody used for 30 days are removed.

    Returns:
        None if there is no compiler or it fails; the reason is logged.
    """
    compiler = find_compiler()
    if compiler is None:
        log.warning("no C compiler (cc, gcc or clang) found: computing with torch alone, which is slower")
        return None
    try:
        folder, name = cache_folder(), f"kernels-{_identity(compiler, sources)}"
        return _kept(folder, name) or _compiled(compiler, sources, folder, name)
    except (OSError, RuntimeError) as problem:
        # a RuntimeError is a compiler's, or Path.home's for a user without a home
        log.warning(
            "the kernels could not be compiled, computing with torch alone, which is slower "
            "($HOSTCAST_CACHE_DIR may name another folder to keep them in): %s",
            problem,
        )
        return None


def _identity(compiler: str, sources: list[Path]) -> str:
    identity = hashlib.sha256()
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    for part in (version, _processor().encode(), " ".join(FLAGS).encode()):
        identity.update(part)
    headers = {header for source in sources for header in source.parent.glob("*.h")}
    for source in [*sources, *sorted(headers)]:
        identity.update(source.read_bytes())
    return identity.hexdigest()[:24]


def _kept(folder: Path, name: str) -> Path | None:
    for path in folder.glob(f"{name}-*.so"):
        # The time of the last change tells the last use, as many systems don't keep that of the last access;
        # who may not write here does not clear, either.
        with suppress(OSError):
            os.utime(path)
        # another process may have removed it meanwhile
        with suppress(FileNotFoundError):
            if path == _place(folder, name, path):
                return path
    return None


def _clear(folder: Path, name: str) -> None:
    """Remove the libraries of other names that nobody used for long."""
    for path in folder.glob("kernels-*.so"):
        # what can't be removed, or another process removed first, is in nobody's way
        with suppress(OSError):
            if not path.name.startswith(f"{name}-") and time.time() - path.stat().st_mtime > UNUSED_SECONDS:
                path.unlink()


def _compiled(compiler: str, sources: list[Path], folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        built = Path(temporary) / "kernels.so"
        for flags in (FLAGS, FLAGS_PORTABLE):
            done = subprocess.run(
                [compiler, *flags, *map(str, sources), "-o", str(built), "-lm"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                library = built.rename(_place(folder, name, built))
                _clear(folder, name)
                return library
    raise RuntimeError(done.stderr.strip())


def _place(folder: Path, name: str, library: Path) -> Path:
    return folder / f"{name}-{hashlib.sha256(library.read_bytes()).hexdigest()[:24]}.so"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in text.splitlines() if line.startswith(wanted)}))

"""Compiling C sources into a shared library that is kept in the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "compile_sources", "find_compiler"]

log = logging.getLogger(__name__)

# no -ffast-math: a loss that is not a number must stay one
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-ffp-contract=fast", "-std=gnu11", "-shared", "-fPIC")
FLAGS_PORTABLE = tuple(flag for flag in FLAGS if flag != "-march=native")


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

    Its name is a hash of the sources, the flags, the compiler and the processor, so a stale one is never
    used; headers beside the sources count. Nothing but the files given is read, and no shell is involved.

    Returns:
        None if there is no compiler or it fails; the reason is logged.
    """
    compiler = find_compiler()
    if compiler is None:
        log.warning("no C compiler (cc, gcc or clang) found: computing with torch alone, which is slower")
        return None
    identity = hashlib.sha256()
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    for part in (version, _processor().encode(), " ".join(FLAGS).encode()):
        identity.update(part)
    headers = {header for source in sources for header in source.parent.glob("*.h")}
    for source in [*sources, *sorted(headers)]:
        identity.update(source.read_bytes())
    folder = cache_folder()
    library = folder / f"kernels-{identity.hexdigest()[:24]}.so"
    if library.exists():
        return library
    error = ""
    try:
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
                    built.rename(library)
                    return library
                error = done.stderr.strip()
    except OSError as problem:
        error = str(problem)
    log.warning("the kernels could not be compiled, computing with torch alone, which is slower: %s", error)
    return None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in text.splitlines() if line.startswith(wanted)}))

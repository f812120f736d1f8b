"""High-water marks of memory."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["MIB", "forget_peak", "peak_resident_mib", "workers_own_mib"]

MIB = 2**20
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


def peak_resident_mib() -> float:
    """Largest resident memory of this process since it began, or since `forget_peak`, libraries included."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # bytes on macOS, KiB elsewhere
    return peak / MIB if sys.platform == "darwin" else peak / 1024


def forget_peak() -> None:
    """Begin anew, where the system can (Linux)."""
    with suppress(OSError):
        _CLEAR.write_text(_FORGET_PEAK)


def workers_own_mib() -> float:
    """Resident memory of the processes that this one started, as far as they don't share it with it."""
    own = 0
    for process in psutil.Process().children(recursive=True):
        try:
            # what is shared with this process is counted there already
            own += process.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return own / MIB

"""Fuzzing of the readers: each damaged file in a child of its own, under a bound of time and memory.

`make fuzz` runs it; `python tests/fuzz/fuzz_readers.py --seed N --inputs 1` repeats one input.
"""

from __future__ import annotations

import argparse
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
from pathlib import Path

# a pool that takes from the system what it needs can be bounded
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

import pyarrow as pa
from fuzz_corpus import Damaged, damaged, write_corpus

from hostcast.errors import HostcastError
from hostcast.telemetry.discovery import label_of
from hostcast.telemetry.formats import blocks, read_stretch, stretches_of
from hostcast.telemetry.observations import typed_block
from hostcast.telemetry.wanted import Wanted, total_of

# one child reads so many files, after another, and dies of the first that it can't cope with
BATCH = 40
MEMORY = 1 << 30
SECONDS = 20
WANTED = Wanted(
    targets=("cpu_percent", "memory_percent", "disk_percent", "load_average"),
    covariates=("net",),
    static=("role",),
    sources={
        **{
            name: (name,) for name in ("server", "timestamp", "cpu_percent", "memory_percent", "load_average")
        },
        "disk_percent": ("disk", "disk_percent"),
        "net": ("net",),
        "role": ("role",),
        total_of("memory_percent"): ("ram",),
    },
    totals={"memory_percent": "ram"},
    fractions=("disk_percent",),
    counters=("net",),
    sentinels=(-1, 9999),
    encoding="latin-1",
    renames={"höst-1": "höst-2"},
    not_after=1_743_300_000_000_000,
)


def main() -> int:
    """Fuzz until the time is up or the inputs are through; 1 if any input failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("HOSTCAST_FUZZ_SECONDS", 600)))
    parser.add_argument("--seed", type=int, default=0, help="of the first input; the next has the next")
    parser.add_argument("--inputs", type=int, default=sys.maxsize, help="at most so many")
    parser.add_argument("--out", type=Path, default=Path(".hostcast/fuzz"), help="where failing inputs go")
    parser.add_argument("--processes", type=int, default=min(len(os.sched_getaffinity(0)), 8))
    chosen = parser.parse_args()
    deadline = time.monotonic() + chosen.seconds
    with tempfile.TemporaryDirectory(prefix="hostcast-fuzz-") as name:
        corpus = _corpus(Path(name))
        done = mmap.mmap(-1, 16 * chosen.processes)
        workers = []
        for number in range(chosen.processes):
            worker = os.fork()
            if not worker:
                folder = Path(name) / f"worker-{number}"
                folder.mkdir()
                seeds = range(chosen.seed + number, chosen.seed + chosen.inputs, chosen.processes)
                inputs, failed = _fuzz(corpus, seeds, deadline, folder, chosen.out)
                struct.pack_into("qq", done, 16 * number, inputs, failed)
                os._exit(0)
            workers.append(worker)
        ends = [os.waitpid(worker, 0)[1] for worker in workers]
    counts = [struct.unpack_from("qq", done, 16 * number) for number in range(chosen.processes)]
    inputs, failed = (sum(column) for column in zip(*counts, strict=True))
    _say(f"{inputs} inputs, {failed} failed")
    return int(failed > 0 or any(ends))


def _corpus(folder: Path) -> dict[str, bytes]:
    # in a child: once Arrow has threads, this process could not be forked safely
    child = os.fork()
    if not child:
        write_corpus(folder)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the good files could not be written")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _fuzz(
    corpus: dict[str, bytes], seeds: range, deadline: float, folder: Path, out: Path
) -> tuple[int, int]:
    """How many inputs were read, and how many of them failed."""
    at = failed = 0
    while at < len(seeds) and time.monotonic() < deadline:
        batch = seeds[at : at + BATCH]
        reached, fault = _in_child(corpus, batch, deadline, folder)
        if fault:
            failed += 1
            _keep(damaged(corpus, batch[reached]), batch[reached], fault, out)
        at += reached + bool(fault)
    return at, failed


def _in_child(corpus: dict[str, bytes], seeds: range, deadline: float, folder: Path) -> tuple[int, str]:
    """Position of the first input that failed, or the number of inputs, and what went wrong."""
    report = folder / "fault"
    report.unlink(missing_ok=True)
    reached = mmap.mmap(-1, 8)
    child = os.fork()
    if not child:
        _bound()
        code = 0
        try:
            for position, seed in enumerate(seeds):
                if time.monotonic() > deadline:
                    break
                struct.pack_into("q", reached, 0, position)
                _try(damaged(corpus, seed), folder)
                struct.pack_into("q", reached, 0, position + 1)
        except BaseException:
            report.write_text(traceback.format_exc(), "utf-8")
            code = 1
        os._exit(code)
    status = os.waitpid(child, 0)[1]
    position = int(struct.unpack_from("q", reached, 0)[0])
    if status == 0:
        return position, ""
    if report.exists():
        return position, report.read_text("utf-8")
    number = os.WTERMSIG(status)
    return position, f"killed by {signal.Signals(number).name if number else status}\n"


def _bound() -> None:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # each thread of a pool reserves address space
    pa.set_cpu_count(2)
    # a Python that is asked to stop would do so after the call that hangs; this one just dies
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)


def _try(case: Damaged, folder: Path) -> None:
    path = folder / case.name
    path.write_bytes(case.content)
    signal.alarm(SECONDS)
    if case.blocks:
        blocks.WHOLE_BYTES, blocks.BLOCK_ROWS, blocks.BLOCK_BYTES = 0, 10, 500
    else:
        blocks.WHOLE_BYTES, blocks.BLOCK_ROWS, blocks.BLOCK_BYTES = 1 << 26, 1 << 20, 1 << 26
    try:
        for stretch in stretches_of(path):
            for raw in read_stretch(stretch, WANTED):
                typed_block(
                    raw.columns.arrays,
                    WANTED,
                    file=label_of(path),
                    timezone="Europe/Berlin",
                    chosen=raw.columns.chosen,
                    step_micros=300_000_000,
                )
    except HostcastError as error:
        lines = str(error).splitlines()
        if len(lines) != 2 or not lines[0].isprintable() or error.file != label_of(path):
            raise AssertionError("not a clean error") from error
        if len(lines[0]) > 6000:
            raise AssertionError("an endless error") from error
    signal.alarm(0)


def _keep(case: Damaged, seed: int, fault: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    kept = out / f"{seed}-{case.name}"
    kept.write_bytes(case.content)
    kept.with_name(f"{kept.name}.fault").write_text(fault, "utf-8")
    _say(f"seed {seed}: {kept}: {fault.strip().splitlines()[-1][:300]}")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

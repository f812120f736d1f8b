"""A short run of the fuzzing that `make fuzz` does at length."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from fuzz_corpus import damaged

SCRIPT = Path(__file__).with_name("fuzz_readers.py")


@pytest.mark.slow
def test_damaged_files_end_in_clean_errors_within_bounds(tmp_path: Path) -> None:
    seconds = os.environ.get("HOSTCAST_FUZZ_SECONDS", "30")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seconds", seconds, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    inputs = re.search(r"^(\d+) inputs, 0 failed$", done.stdout, re.MULTILINE)
    assert inputs is not None and int(inputs[1]) > 20


BOMB = """
import resource, sys
from pathlib import Path
from fuzz_readers import WANTED
from hostcast.errors import HostcastError
from hostcast.telemetry.formats import read_file
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (128 << 20), used + (128 << 20)))
try:
    read_file(Path(sys.argv[1]), WANTED)
except HostcastError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pack"), [("t.csv.gz", gzip.compress), ("t.csv.zst", zstandard.compress)])
def test_a_small_file_that_unpacks_to_more_than_memory_is_refused(name, pack, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pack(b"server,timestamp\n" + bytes(300 << 20)))
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(tmp_path / name)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SCRIPT.parent), *sys.path])},
    )
    assert "takes more memory than there is, once unpacked" in done.stdout, done.stderr


def test_a_seed_is_an_input() -> None:
    corpus = {"a.csv": b"server\na\n" * 40, "b.csv.gz": gzip.compress(b"server\n")}
    for seed in range(200):
        one, other = damaged(corpus, seed), damaged(corpus, seed)
        assert (one.name, one.content, one.blocks) == (other.name, other.content, other.blocks)

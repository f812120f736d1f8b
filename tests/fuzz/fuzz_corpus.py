"""Good files of every format, and ways to damage them; all of it follows from a seed."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import zstandard

__all__ = ["Damaged", "damaged", "write_corpus"]

ROWS = 40


def write_corpus(folder: Path) -> None:
    """Write the good files; each name says how it is to be read."""
    numbers = np.random.default_rng(11)
    frame = pd.DataFrame(
        {
            "server": [f"höst-{row % 3}" for row in range(ROWS)],
            "timestamp": pd.date_range("2025-03-29 22:00", periods=ROWS, freq="5min", tz="UTC", unit="us"),
            "cpu_percent": numbers.random(ROWS) * 100,
            "memory_percent": numbers.integers(0, 2**34, ROWS),
            "disk_percent": numbers.random(ROWS).astype("float32"),
            "load_average": [None, "N/A", "3,5", *map(str, numbers.integers(0, 99, ROWS - 3))],
            "net": numbers.integers(0, 2**50, ROWS).cumsum(),
            "ram": 2**34,
            "role": ["db", "", None, "web"] * (ROWS // 4),
        }
    )
    text = frame.assign(timestamp=frame["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    epoch = frame.assign(timestamp=frame["timestamp"].astype("int64") // 10**3)
    for place, compression in enumerate(["none", "snappy", "gzip", "zstd"]):
        frame.to_parquet(
            folder / f"parquet-{compression}.parquet",
            compression=compression,
            use_dictionary=place % 2 == 0,
            write_page_checksum=place > 1,
            row_group_size=15,
            data_page_version="2.0" if place > 1 else "1.0",
        )
    plain = text.to_csv(index=False)
    records, columns = text.to_dict("records"), text.to_dict("list")
    lines = "".join(json.dumps(record) + "\n" for record in records)
    files: Mapping[str, bytes] = {
        "csv-plain.csv": plain.encode(),
        "csv-quoted.csv": text.to_csv(index=False, quoting=1).encode(),
        "csv-semicolons.csv": epoch.to_csv(index=False, sep=";", decimal=",").encode("utf-8-sig"),
        "csv-utf16.csv": plain.encode("utf-16"),
        "csv-latin.csv": plain.encode("latin-1"),
        "csv-gzip.csv.gz": gzip.compress(plain.encode(), mtime=0),
        "csv-zstd.csv.zst": zstandard.compress(plain.encode()),
        "json-records.json": json.dumps(records).encode(),
        "json-columns.json": json.dumps(columns, ensure_ascii=False).encode(),
        "json-gzip.json.gz": gzip.compress(json.dumps(records).encode(), mtime=0),
        "jsonl-plain.jsonl": lines.encode(),
        "jsonl-zstd.jsonl.zst": zstandard.compress(lines.encode()),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


class Damaged:
    """One input.

    Attributes:
        name: of the file, which decides the reader.
        content: its bytes.
        blocks: whether it is read block by block, as large files are.
    """

    def __init__(self, name: str, content: bytes, *, blocks: bool) -> None:
        self.name, self.content, self.blocks = name, content, blocks


def damaged(corpus: Mapping[str, bytes], seed: int) -> Damaged:
    """The input of a seed."""
    chance = random.Random(seed)
    name = chance.choice(sorted(corpus))
    content = corpus[name]
    if chance.random() < 0.3 and name.endswith((".gz", ".zst")):
        # the text within, so that the damage gets past the checksum
        pack = _gzip if name.endswith(".gz") else zstandard.compress
        unpack = gzip.decompress if name.endswith(".gz") else zstandard.decompress
        content = pack(_some_damage(unpack(content), chance))
    else:
        content = _some_damage(content, chance)
    return Damaged(name, content, blocks=chance.random() < 0.3)


def _gzip(content: bytes) -> bytes:
    # a header without the time of day
    return gzip.compress(content, mtime=0)


def _some_damage(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        content = chance.choice(_DAMAGES)(content, chance)
    return content


def _noise(content: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 4, 100, 5000]))


def _noise_after_beginning(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(1, 200)] + chance.randbytes(chance.randrange(200))


def _truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _beheaded(content: bytes, chance: random.Random) -> bytes:
    return content[chance.randrange(len(content) + 1) :]


def _flipped(content: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(content)
    # a Parquet file's end says where all else is
    start = max(0, len(flipped) - 1500) if chance.random() < 0.4 else 0
    for _ in range(chance.choice([1, 1, 2, 8, 64])):
        if len(flipped) > start:
            flipped[chance.randrange(start, len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _overwritten(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    patch = chance.choice(_PATCHES)
    return content[:at] + patch + content[at + len(patch) :]


def _inserted(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.choice(_PATCHES) + content[at:]


def _repeated(content: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(content) + 1), chance.randrange(1, 300)
    return content[:at] + content[at : at + size] * chance.choice([2, 3, 50]) + content[at + size :]


def _cut_out(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + content[at + chance.randrange(1, 100) :]


_DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [
    _noise, _noise_after_beginning, _truncated, _beheaded, _flipped, _flipped, _flipped, _overwritten,
    _inserted, _repeated, _cut_out,
]  # fmt: skip
_PATCHES = [
    b"\xff" * 8, b"\x00" * 8, b"\xff\xff\xff\x7f", b"\x80" * 9 + b"\x01", b'"', b"'", b"\\", b"\n",
    b"\r", b"\r\n", b",", b";", b"\t", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00",
    b"\xed\xa0\x80", b"\xc3", b"\\ud800", b"\\u0000", b"[" * 3000, b"{" * 3000, b'{"a":' * 2000,
    b"[[[]]]", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"9" * 5000, b"0x10",
    b"1_000", b"1e-400", b"9223372036854775808", b"-9223372036854775809", b"1,234", b"1,5",
    b"0000-00-00", b"9999-12-31T23:59:59Z", b"10000-01-01", b"0001-01-01", b"2025-03-30T02:30:00",
    b"2025-10-26T02:30:00", b"2025-01-06T00:00:00+99:99", b"2025-01-06T24:00:00",
    b"99999999999999999999", b"nan", b"inf", b"server", b"\xd9\xa1\xd9\xa2", b"\xe2\x80\xae",
    b'"server"', b"1e5", b"1.5e9", b"   ", b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"(" * 100,
]  # fmt: skip

"""Finding the telemetry files that `prepare.path` stands for."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hostcast.errors import HostcastError

__all__ = ["COMPRESSIONS", "FORMATS", "Found", "find_files", "format_of", "label_of"]

# suffix -> format
FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
# suffix -> compression; Parquet compresses within itself
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_NO_ENDINGS: Mapping[str, str] = {}

_KNOWN = (
    "Parquet (.parquet, .pq), CSV (.csv), JSON (.json) or JSON lines (.jsonl, .ndjson), text also .gz or .zst"
)
_OTHER = "what other endings of names stand for can be told in prepare.files.endings"


@dataclass(frozen=True)
class Found:
    """Files to read and files passed over, each sorted by path."""

    files: tuple[Path, ...]
    ignored: tuple[Path, ...]


def find_files(where: str, endings: Mapping[str, str] = _NO_ENDINGS) -> Found:
    """Find telemetry at a file, in a folder and all its subfolders, or by a glob (`**` goes deep).

    Hidden files and files of other formats are passed over, unless `where` names one directly.
    Links to folders are not followed: they could lead in circles.

    Args:
        where: as `prepare.path`.
        endings: further endings of names, without the dot, and the formats behind them.

    Raises:
        HostcastError: nothing is there, or nothing of a known format.
    """
    path = Path(where)
    if path.is_dir():
        found = _in_folder(path, endings)
    elif path.exists():
        if format_of(path, endings) is None:
            raise HostcastError(
                "not a known telemetry format", file=path, remedy=f"provide {_KNOWN}; {_OTHER}"
            )
        return Found((path,), ())
    elif glob.has_magic(where):
        found = {}
        # Path.glob takes no absolute patterns
        for match in map(Path, glob.glob(where, recursive=True)):  # noqa: PTH207
            found |= _in_folder(match, endings) if match.is_dir() else {match: _is_telemetry(match, endings)}
    else:
        raise HostcastError(
            "there is no such file or folder",
            file=where,
            remedy="correct prepare.path, or put the telemetry there; in a queued or temporary "
            "experiment only files that git or DVC track are there: `dvc add` it first",
        )
    ordered = sorted(found, key=lambda file: file.as_posix())
    files = tuple(file for file in ordered if found[file])
    if not files:
        passed = (
            f"; passed over: {', '.join(sorted({file.name for file in ordered})[:10])}" if ordered else ""
        )
        raise HostcastError(
            f"holds no telemetry file{passed}",
            file=where,
            remedy=f"put files there or correct prepare.path: {_KNOWN}; {_OTHER}",
        )
    return Found(files, tuple(file for file in ordered if not found[file]))


def format_of(path: Path, endings: Mapping[str, str] = _NO_ENDINGS) -> tuple[str, str | None] | None:
    """Format and compression by the file's name, None if it is no telemetry format."""
    known = FORMATS | {f".{ending.lower()}": name for ending, name in endings.items()}
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in known:
        return known[suffixes[-1]], None
    if len(suffixes) >= 2 and suffixes[-1] in COMPRESSIONS:
        inner = known.get(suffixes[-2])
        if inner is not None and inner != "parquet":
            return inner, COMPRESSIONS[suffixes[-1]]
    return None


def label_of(path: Path) -> str:
    """The file's name in reports: relative to the working folder where it lies inside, else absolute."""
    # not resolve(): DVC may link a data file into its cache, and its own name is what the user knows
    absolute = Path(os.path.normpath(Path.cwd() / path))
    cwd = Path.cwd()
    return (absolute.relative_to(cwd) if absolute.is_relative_to(cwd) else absolute).as_posix()


def _in_folder(folder: Path, endings: Mapping[str, str]) -> dict[Path, bool]:
    """All that lies in a folder and below, and which of it is telemetry."""
    found: dict[Path, bool] = {}
    for base, folders, files in os.walk(folder):
        hidden = any(part.startswith(".") for part in Path(base).relative_to(folder).parts)
        found |= {Path(base, name): not hidden and _is_telemetry(Path(base, name), endings) for name in files}
        found |= {Path(base, name): False for name in folders if Path(base, name).is_symlink()}
    return found


def _is_telemetry(path: Path, endings: Mapping[str, str]) -> bool:
    return not path.name.startswith(".") and format_of(path, endings) is not None and path.is_file()

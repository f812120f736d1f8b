"""Finished pieces of work, kept so that the next run need not do them again.

The cache lies outside of what DVC manages, as DVC deletes a stage's outputs before it starts the stage.
Whatever is taken from it is checked against its digest first: an entry that is torn, altered or gone is
made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hostcast.files import sha256_of
from hostcast.parts.index import PartFile

__all__ = ["PartCache", "code_digest", "digest_of", "open_cache"]

log = logging.getLogger(__name__)

LOCK = ".lock"
LIBRARIES = ("numpy", "pandas", "pyarrow")


class PartCache:
    """Entries by key: notes (JSON), and parts (Parquet, with a note each).

    Args:
        folder: of this stage alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._used: set[str] = set()

    def note(self, key: str) -> Any | None:
        """What was noted under a key; None if nothing was, or it is damaged."""
        name = f"{key}.json"
        try:
            digest, _, text = (self.folder / name).read_text("utf-8").partition("\n")
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise ValueError
            content = json.loads(text)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            log.warning("ignored a damaged entry of the cache: %s", self.folder / name)
            return None
        self._used.add(name)
        return content

    def keep(self, key: str, content: Any) -> None:
        """Note something under a key."""
        text = json.dumps(content, allow_nan=False)
        name = f"{key}.json"
        temporary = self.folder / f".{name}.tmp"
        temporary.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}", "utf-8")
        temporary.replace(self.folder / name)
        self._used.add(name)

    def path(self, key: str) -> Path:
        """Where the part of a key is, or belongs."""
        return self.folder / f"{key}.parquet"

    def part(self, key: str) -> tuple[PartFile, Any] | None:
        """A part and its note; None if there is none, or it is damaged."""
        noted = self.note(key)
        if noted is None:
            return None
        file, path = PartFile(**noted["file"]), self.path(key)
        try:
            whole = path.stat().st_size == file.bytes and sha256_of(path) == file.sha256
        except OSError:
            whole = False
        if not whole:
            log.warning("ignored a damaged entry of the cache: %s", path)
            return None
        self._used.add(path.name)
        return file, noted["note"]

    def keep_part(self, key: str, file: PartFile, note: Any) -> None:
        """Note that the part of a key is written."""
        self._used.add(self.path(key).name)
        self.keep(key, {"file": asdict(file), "note": note})

    def prune(self) -> None:
        """Remove what was neither read nor written: what is kept is the last run's."""
        for path in self.folder.iterdir():
            if path.name not in self._used and path.name != LOCK:
                path.unlink(missing_ok=True)


@contextmanager
def open_cache(kept: Path | None, otherwise: Path) -> Iterator[PartCache]:
    """The cache of the last run, for this one alone; without one, or while another run has it, an empty one.

    Args:
        kept: its folder; None = there is none.
        otherwise: folder of the empty one.
    """
    if kept is None:
        yield PartCache(otherwise)
        return
    cache = PartCache(kept)
    with (kept / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            log.warning("%s is in use by another run: nothing of the last run is used", kept)
            yield PartCache(otherwise)
            return
        yield cache
        # a failed run keeps what it made, and what was there
        cache.prune()


def digest_of(content: Any) -> str:
    """A key made of all that decides a result."""
    text = json.dumps(content, sort_keys=True, allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def code_digest(packages: Iterable[Path]) -> str:
    """A digest of source files and the libraries that they compute with.

    Args:
        packages: folders and files.
    """
    files = sorted(file for path in packages for file in (path.rglob("*.py") if path.is_dir() else [path]))
    return digest_of(
        [[file.name, sha256_of(file)] for file in files] + [[name, version(name)] for name in LIBRARIES]
    )

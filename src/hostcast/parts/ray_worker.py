"""What a machine of a Ray cluster does with a piece of work."""

from __future__ import annotations

import logging
import os
import platform
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Self

import hostcast
from hostcast.errors import HostcastError
from hostcast.parts.cache import code_digest

__all__ = ["Home", "Outcome", "carried_out"]


@dataclass(frozen=True)
class Home:
    """Where the work's files are, and what it is done with.

    Attributes:
        folder: that paths are relative to.
        mark: a file there.
        token: its content.
        code: digest of hostcast and the libraries that it computes with.
    """

    folder: Path
    mark: Path
    token: str
    code: str

    @classmethod
    def made_in(cls, place: Path) -> Self:
        """Leave a mark in a folder of this run alone."""
        home = cls(Path.cwd(), Path.cwd() / place / "here", secrets.token_hex(), _code())
        home.mark.write_text(home.token, "utf-8")
        return home

    def enter(self) -> None:
        """Make this process one that works here.

        Raises:
            HostcastError: this machine sees other files, or has other versions.
        """
        try:
            os.chdir(self.folder)
            seen = self.mark.read_text("utf-8")
        except OSError:
            seen = ""
        if seen != self.token:
            raise HostcastError(
                f"the machine {platform.node()} of the Ray cluster doesn't see this folder",
                file=self.folder,
                remedy="put the project on a file system that all machines mount at the same path, or take "
                "that machine out of the cluster (docs/ray.md)",
            )
        if _code() != self.code:
            raise HostcastError(
                f"the machine {platform.node()} of the Ray cluster has other versions of hostcast, NumPy, "
                "pandas or pyarrow, and might compute other values",
                remedy="install the same there (pip install -r requirements.lock), or take that machine out "
                "of the cluster (docs/ray.md)",
            )


@dataclass(frozen=True)
class Outcome:
    """What came of a piece of work.

    Attributes:
        value: its result.
        error: why there is none.
        messages: what was logged: by whom, at which level, and the text.
    """

    value: Any = None
    error: HostcastError | OSError | None = None
    messages: list[tuple[str, int, str]] = field(default_factory=list)


def carried_out(common: Any, task: Any) -> Outcome:
    """Do a piece of work.

    Args:
        common: reference of where and how.
        task: reference of what.
    """
    import ray

    with _heard() as messages:
        try:
            work = _work(common)
            return Outcome(work(ray.get(task)), None, messages)
        except (HostcastError, OSError) as error:
            return Outcome(None, error, messages)


@lru_cache(1)
def _work(common: Any) -> Callable[[Any], Any]:
    """Fetched once for all pieces of it that this process does."""
    import ray

    home, work = ray.get(common)
    home.enter()
    made: Callable[[Any], Any] = work
    return made


@cache
def _code() -> str:
    return code_digest([Path(str(hostcast.__file__)).parent])


@contextmanager
def _heard() -> Iterator[list[tuple[str, int, str]]]:
    """Messages of hostcast within the block: here nobody would read them."""
    messages: list[tuple[str, int, str]] = []
    listener = _Listener(messages)
    logger = logging.getLogger("hostcast")
    logger.addHandler(listener)
    try:
        yield messages
    finally:
        logger.removeHandler(listener)


class _Listener(logging.Handler):
    def __init__(self, messages: list[tuple[str, int, str]]) -> None:
        super().__init__()
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append((record.name, record.levelno, record.getMessage()))

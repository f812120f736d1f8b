"""Which commit the measured code is."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hostcast

__all__ = ["Commit", "measured_commit"]

# what decides how fast something is; results that an earlier run left elsewhere don't
PARTS = ("src", "stages", "params.yaml")


@dataclass(frozen=True)
class Commit:
    """A commit of the project.

    Attributes:
        commit: its hash.
        dirty: whether code or params differ from it, new files included.
    """

    commit: str
    dirty: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def measured_commit(package: Path = Path(hostcast.__file__).parent) -> Commit | None:
    """The commit of the package that is imported; None without git, or where git does not have it.

    Args:
        package: src/hostcast in the project's folder.
    """
    project = package.parents[1]
    try:
        # a repository around an installed package is another project's
        _git(package, "ls-files", "--error-unmatch", "__init__.py")
        commit = _git(package, "rev-parse", "HEAD")
        changes = _git(project, "status", "--porcelain", "--", *PARTS)
    except (OSError, subprocess.SubprocessError):
        return None
    return Commit(commit, dirty=bool(changes))


def _git(folder: Path, *words: str) -> str:
    # looking on must not take the lock that somebody's commit needs
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=60
    )
    return done.stdout.strip()

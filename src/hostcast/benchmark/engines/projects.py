"""Projects whose data time to quality is measured on."""

from __future__ import annotations

from pathlib import Path

from hostcast.benchmark.given import Given
from hostcast.params import Params
from hostcast.paths import FEATURES, ROLES, SPLIT, WINDOWS

__all__ = ["OWN", "lacking", "quality_projects"]

# the name of this project's own data
OWN = "fleet"


def lacking(project: Path) -> Path | None:
    """The first file of features and split that a project's folder lacks; None if it has them all."""
    needed = (project / path for path in (FEATURES, ROLES, SPLIT, WINDOWS))
    return next((path for path in needed if not path.is_file()), None)


def quality_projects(params: Params, given: Given, own: Path) -> dict[str, Path]:
    """This project and those of benchmark.quality_data, by the name of their folder.

    Args:
        params: the project's params.
        given: where section `benchmark` was written.
        own: this project's folder.

    Raises:
        HostcastError: a further project has no such data, or the name of another.
    """
    projects = {OWN: own}
    for text in params.benchmark.quality_data:
        folder = Path(text)
        absent = lacking(folder)
        if absent is not None:
            what = f"which lacks {absent.relative_to(folder)}" if folder.is_dir() else "which is no folder"
            raise given.error(
                "quality_data",
                f"names {text}, {what}",
                remedy="name folders of projects in which `dvc repro featurize split` has run",
            )
        name = folder.resolve().name
        if name in projects:
            raise given.error(
                "quality_data",
                f"names {text}, but there is data called {name} already",
                remedy="give the folder another name: results are told apart by it",
            )
        projects[name] = folder
    return projects

"""What a folder of parts holds, in one small file beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hostcast.errors import HostcastError
from hostcast.files import read_json, write_json
from hostcast.parts.grouping import CHUNK_STEPS
from hostcast.parts.layout import Layout

__all__ = ["INDEX", "PartFile", "PartIndex", "read_index", "write_index"]

# readers of Parquet folders pass over names that begin so
INDEX = "_index.json"
FORMAT = 1


@dataclass(frozen=True)
class PartFile:
    """A file as it was written."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class PartIndex:
    """A folder's layout, and a file for each of the layout's parts.

    Attributes:
        folder: where the files are.
        layout: what they hold.
        files: in the order of `layout.parts`.
    """

    folder: Path
    layout: Layout
    files: list[PartFile]


def write_index(folder: Path, layout: Layout, files: Sequence[PartFile]) -> None:
    """Write the index: with it, the folder is complete."""
    names = [part.name for part in layout.parts]
    assert names == [file.name for file in files], "one file for each part"
    content = {
        "format": FORMAT,
        "step_micros": layout.step_micros,
        "chunk_steps": CHUNK_STEPS,
        "groups": np.diff(layout.groups).tolist(),
        "servers": [
            {"name": name, "first_step": first, "rows": rows}
            for name, first, rows in zip(
                layout.servers, layout.first.tolist(), layout.rows.tolist(), strict=True
            )
        ],
        "parts": [asdict(file) for file in files],
    }
    write_json(folder / INDEX, content)


def read_index(folder: Path, *, stage: str) -> PartIndex:
    """Read the index, and see that the files it lists are there.

    Args:
        folder: of the parts.
        stage: whose output they are, for the message.

    Raises:
        HostcastError: the index is missing, damaged or of another version, or a file is missing or of
            another size.
    """
    remedy = f"make it anew: dvc repro {stage}"
    path = folder / INDEX
    try:
        content = read_json(path)
        if (content["format"], content["chunk_steps"]) != (FORMAT, CHUNK_STEPS):
            raise HostcastError("was written by another version of hostcast", file=path, remedy=remedy)
        servers = content["servers"]
        layout = Layout(
            servers=[entry["name"] for entry in servers],
            first=np.array([entry["first_step"] for entry in servers], np.int64),
            rows=np.array([entry["rows"] for entry in servers], np.int64),
            groups=np.concatenate([[0], np.cumsum(content["groups"])]).astype(np.int64),
            step_micros=content["step_micros"],
        )
        files = [PartFile(**entry) for entry in content["parts"]]
    except FileNotFoundError:
        raise HostcastError("there is no such table", file=folder, remedy=remedy) from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise HostcastError(
            f"not readable as an index: {type(error).__name__}: {error}", file=path, remedy=remedy
        ) from None
    _require_files(folder, layout, files, remedy)
    return PartIndex(folder, layout, files)


def _require_files(folder: Path, layout: Layout, files: list[PartFile], remedy: str) -> None:
    if [part.name for part in layout.parts] != [file.name for file in files]:
        raise HostcastError(
            "the index lists other files than its servers need", file=folder / INDEX, remedy=remedy
        )
    for file in files:
        path = folder / file.name
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise HostcastError("is missing, or not as it was written", file=path, remedy=remedy)

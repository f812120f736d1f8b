"""Reading `params.yaml`: the only place that opens it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from hostcast.errors import HostcastError
from hostcast.params.schema import Params
from hostcast.paths import PARAMS

__all__ = ["load_params", "parse_params"]


def load_params(path: Path = PARAMS) -> Params:
    """Read and check `params.yaml`.

    Raises:
        HostcastError: the file is missing, is no YAML, or a key is unknown, missing, of the wrong
            type or out of range; every problem is named by its dotted path.
    """
    try:
        # YAML 1.2, as DVC reads it: under 1.1 rules `1e-3` would be text.
        content = YAML(typ="safe").load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise HostcastError(
            "there are no params", file=path, remedy="run from the project's root folder"
        ) from None
    except (MarkedYAMLError, UnicodeDecodeError) as error:
        raise HostcastError(
            f"not readable as YAML: {error}", file=path, remedy="correct the syntax"
        ) from None
    if not isinstance(content, Mapping):
        raise HostcastError("holds no sections", file=path, remedy="restore it: git checkout -- params.yaml")
    return parse_params(content, file=path)


def parse_params(content: Mapping[str, Any], *, file: Path = PARAMS) -> Params:
    """Check already parsed params; see `load_params` for the errors."""
    try:
        return Params.model_validate(dict(content))
    except ValidationError as error:
        problems = "\n".join(f"  - {_describe(detail)}" for detail in error.errors())
        raise HostcastError(
            f"{error.error_count()} problem(s):\n{problems}",
            file=file,
            remedy="correct the keys named above; the comments in params.yaml give units and choices",
        ) from None


def _describe(detail: Any) -> str:
    # pydantic adds the branch of a union it tried to the path; users know only the YAML keys
    parts = [
        str(part)
        for part in detail["loc"]
        if not (isinstance(part, str) and ("[" in part or part in {"float", "int", "str", "none"}))
    ]
    where = ".".join(parts) or "params"
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key"
        case "missing":
            return f"{where}: missing"
        case _:
            given = detail.get("input")
            shown = "" if isinstance(given, Mapping) else f" (given: {given!r})"
            return f"{where}: {detail['msg'].removeprefix('Value error, ')}{shown}"

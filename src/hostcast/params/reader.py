"""Reading `params.yaml`: the only place that opens it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from hostcast.errors import HostcastError
from hostcast.params.problems import problems_of
from hostcast.params.schema import Params
from hostcast.paths import PARAMS

__all__ = ["load_params", "parse_params"]


def load_params(path: Path = PARAMS) -> Params:
    """Read and check `params.yaml`.

    Raises:
        HostcastError: the file is missing or can't be read, is no YAML, or a key is unknown,
            missing, of the wrong type or out of range; every problem is named by its dotted path.
    """
    try:
        # YAML 1.2, as DVC reads it: under 1.1 rules `1e-3` would be text.
        content = YAML(typ="safe").load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise HostcastError(
            "there are no params", file=path, remedy="run from the project's root folder"
        ) from None
    except OSError as error:
        raise HostcastError(
            f"can't be read: {error.strerror}", file=path, remedy="check that it is a file you may read"
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise HostcastError(
            f"not readable as YAML: {_syntax(error)}", file=path, remedy="correct the syntax"
        ) from None
    if not isinstance(content, Mapping):
        raise HostcastError("holds no sections", file=path, remedy="restore it: git checkout -- params.yaml")
    return parse_params(content, file=path)


def parse_params(content: Mapping[str, Any], *, file: Path = PARAMS) -> Params:
    """Check already parsed params; see `load_params` for the errors."""
    try:
        return Params.model_validate(dict(content))
    except ValidationError as error:
        problems = problems_of(error.errors(), content)
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise HostcastError(
            f"{len(problems)} problem(s):\n{listed}",
            file=file,
            remedy="correct the keys named above; the comments in params.yaml give units and choices",
        ) from None


def _syntax(error: YAMLError | UnicodeDecodeError) -> str:
    # the library's own text goes on with advice for programmers
    if not isinstance(error, MarkedYAMLError):
        return str(error).splitlines()[0]
    words = error.problem or error.context or "broken syntax"
    mark = error.problem_mark or error.context_mark
    return words if mark is None else f"{words}, line {mark.line + 1}, column {mark.column + 1}"

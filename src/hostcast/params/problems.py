"""What the schema finds wrong, in plain words: one line per key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hostcast.params.addresses import masked

__all__ = ["problems_of"]

# keys that take values of two kinds: the schema tells what is wrong with each kind, users want one answer
_SHARE_OR_DATE = 'must be a share between 0 and 1, or a date such as "2025-01-20"'
_EITHER = {
    "split.test_split": _SHARE_OR_DATE,
    "split.validation_split": _SHARE_OR_DATE,
    "split.holdout_servers": "must be a whole number from 0, a share between 0 and 1, or a list of names",
    "runtime.num_workers": "must be auto or a whole number from 0",
}
_PLAIN = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "string_too_short": "must not be empty",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}


def problems_of(details: Sequence[Any], content: Mapping[str, Any]) -> list[str]:
    """Describe pydantic's findings.

    Args:
        details: `ValidationError.errors()`.
        content: what was checked.

    Returns:
        One line per key: its dotted path, what is wrong and what was given; a problem between sections
        names its keys itself.
    """
    by_path: dict[str, list[Any]] = {}
    for detail in details:
        by_path.setdefault(_path(detail, content), []).append(detail)
    return [_line(path, found) for path, found in by_path.items()]


def _path(detail: Any, content: Any) -> str:
    """The dotted path of keys: what the schema adds for a branch of a union stands nowhere in the file."""
    parts = []
    for part in detail["loc"]:
        inside = part in content if isinstance(content, Mapping) else isinstance(content, list)
        if inside and (isinstance(content, Mapping) or isinstance(part, int)):
            content = content[part]
        elif detail["type"] not in {"missing", "invalid_key"}:
            continue
        parts.append(str(part))
    return ".".join(parts)


def _line(path: str, found: Sequence[Any]) -> str:
    first = found[0]
    given = first.get("input")
    if first["type"] in {"extra_forbidden", "missing"}:
        return f"{path}: {'missing' if first['type'] == 'missing' else 'unknown key'}"
    if given is None:
        return f"{path}: must not be empty"
    if len(found) > 1 and path in _EITHER:
        words = _EITHER[path]
    else:
        words = "; ".join(dict.fromkeys(_words(detail) for detail in found))
    shown = "" if isinstance(given, Mapping) else f" (given: {masked(given)!r})"
    return f"{path}: {words}{shown}" if path else f"{words}{shown}"


def _words(detail: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "too_short":
        least = context["min_length"]
        return f"needs at least {'one entry' if least == 1 else f'{least} entries'}"
    if kind == "too_long":
        return f"takes at most {context['max_length']} entries"
    if kind in _PLAIN:
        return _PLAIN[kind].format(**context)
    return str(detail["msg"]).removeprefix("Value error, ")

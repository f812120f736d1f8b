"""What a reply of Prometheus means: an answer, or a reason to ask again, to ask for less, to give up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hostcast.errors import HostcastError
from hostcast.telemetry.prometheus.access import PREFIX, Access

__all__ = ["Asked", "TooMuch", "Transient", "data_of"]


class Transient(Exception):
    """It may go better another time.

    Args:
        problem: what happened.
        after: seconds that the server asks to wait.
        slow: it took too long; asking for less may help.
    """

    def __init__(self, problem: str, *, after: float = 0.0, slow: bool = False) -> None:
        super().__init__(problem)
        self.after, self.slow = after, slow


class TooMuch(Exception):
    """The answer is more than the server gives or hostcast takes at once."""


@dataclass(frozen=True)
class Asked:
    """Whom and what, as messages name it."""

    url: str
    access: Access
    column: str | None

    def error(self, problem: str, remedy: str) -> HostcastError:
        """The error to give up with."""
        return HostcastError(
            self.access.hidden(f"Prometheus at {self.url} {problem}"), column=self.column, remedy=remedy
        )


def data_of(status: int, body: bytes, after: str | None, asked: Asked) -> Any:
    """The field `data` of a good answer.

    Args:
        after: the header Retry-After.

    Raises:
        Transient, TooMuch: see there.
        HostcastError: asking again is of no use.
    """
    content = _json(body)
    if status == 200 and content.get("status") == "success" and "data" in content:
        # "PromQL info" and "PromQL warning" are about the query; any other speaks of data that lacks
        warnings = content.get("warnings")
        told = [str(text) for text in warnings] if isinstance(warnings, list) else []
        if lacking := [text for text in told if not text.startswith("PromQL ")]:
            raise Transient(f"answered in part: {_short(asked.access.hidden(lacking[0]))}")
        return content["data"]
    said, kind = _words(content, body, asked.access), content.get("errorType")
    if kind == "timeout":
        raise Transient(f"took too long: {said}", slow=True)
    if "too many samples" in said or "maximum resolution" in said:
        raise TooMuch(said)
    if status == 200 and not kind:
        raise Transient(f"answered with something else than JSON of its own: {said}")
    if status in (408, 425, 429) or (status >= 500 and status != 501):
        raise Transient(
            f"answered {status}: {said}", after=float(after) if after and after.isdecimal() else 0.0
        )
    raise asked.error(*_refusal(status, said, asked))


def _refusal(status: int, said: str, asked: Asked) -> tuple[str, str]:
    """Problem and remedy."""
    if status in (401, 403):
        given = ", ".join(asked.access.given) or "none"
        return (
            f"does not let us in ({status}: {said})",
            f"set {PREFIX}TOKEN, or {PREFIX}USERNAME and {PREFIX}PASSWORD, in the environment "
            f"(set there are: {given})",
        )
    if status in (200, 400, 422) and asked.column is not None:
        return (
            f"refuses the query: {said}",
            f"correct prepare.prometheus.queries.{asked.column} or prepare.prometheus.selector; "
            f"try the query in Prometheus's own page",
        )
    if 300 <= status < 400:
        return f"redirects to another place ({status})", "set prepare.prometheus.url to that place"
    return (
        f"answered {status}: {said}",
        "see that prepare.prometheus.url is Prometheus's own address, up to what comes before /api/v1",
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _words(content: dict[str, Any], body: bytes, access: Access) -> str:
    # first without secrets, then shortened: half of one is too much
    text = str(content.get("error") or body.decode("utf-8", "replace") or "nothing")
    return _short(access.hidden(text)[:400])


def _short(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= 300 else f"{line[:300]}..."

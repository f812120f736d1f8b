"""Addresses of servers in params, where no secret belongs."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["bare_url", "masked"]


def bare_url(value: str) -> str:
    """An http or https address, as written.

    Raises:
        ValueError: it is none, or holds more than scheme, host, port and path.
    """
    if any(sign in value for sign in "@?#"):
        raise ValueError(
            "must be a plain address without user, password and without ? or #; "
            "credentials belong into the environment (HOSTCAST_PROMETHEUS_USERNAME, _PASSWORD or _TOKEN)"
        )
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address; write e.g. http://localhost:9090") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not value.isprintable() or " " in value:
        raise ValueError("is no address; write e.g. http://localhost:9090")
    return value


def masked(given: object) -> object:
    """What was given, and where it is text with an address, without what may be a secret in it."""
    if not isinstance(given, str) or not ("//" in given or "@" in given):
        return given
    return re.sub(r"([?#]).+", r"\1***", re.sub(r"^(\w+://)?.*@", r"\1***@", given))

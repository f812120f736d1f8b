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
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address; write e.g. http://localhost:9090") from None
    if "@" in value or parts.query or parts.fragment or value.endswith("?"):
        raise ValueError(
            "must be a plain address without user, password or anything after a ?; "
            "credentials belong into the environment (HOSTCAST_PROMETHEUS_USERNAME, _PASSWORD or _TOKEN)"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or not value.isprintable() or " " in value:
        raise ValueError("is no address; write e.g. http://localhost:9090")
    return value


def masked(text: str) -> str:
    """`text` with whatever an address in it holds of credentials replaced."""
    return (
        re.sub(r"(\?).+", r"\1***", re.sub(r"//.*@", "//***@", text)) if "//" in text or "@" in text else text
    )

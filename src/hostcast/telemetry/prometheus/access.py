"""What a Prometheus wants to see before it answers: from the environment, and nowhere else."""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from hostcast.errors import HostcastError

__all__ = ["PREFIX", "Access", "access_from"]

PREFIX = "HOSTCAST_PROMETHEUS_"


class _Nothing(AuthBase):
    """No credentials; without it, requests would look into ~/.netrc."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True)
class Access:
    """How to show who asks, and whom to trust.

    Attributes:
        auth: puts the credentials into a request.
        verify: file of trusted authorities, True for the system's.
        cert: the client's certificate and key, if it has one.
        given: names of the variables that were set.
        secrets: texts that must not show anywhere.
    """

    auth: AuthBase = field(repr=False)
    verify: bool | str
    cert: tuple[str, str] | str | None
    given: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)

    def hidden(self, text: str) -> str:
        """`text` without secrets: a server or proxy may repeat what it was sent."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def access_from(environment: Mapping[str, str] = os.environ) -> Access:
    """Read HOSTCAST_PROMETHEUS_TOKEN, _USERNAME, _PASSWORD, _CA_FILE, _CERT_FILE and _KEY_FILE.

    Raises:
        HostcastError: they contradict each other, or a file can't be used; values are never shown.
    """
    names = ("TOKEN", "USERNAME", "PASSWORD", "CA_FILE", "CERT_FILE", "KEY_FILE")
    # a file or a secret's store often leaves a line end behind
    found = {name: environment.get(PREFIX + name, "").strip("\r\n") for name in names}
    given = tuple(PREFIX + name for name in names if found[name])
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        if not found[name].isprintable() or (name == "TOKEN" and not found[name].isascii()):
            raise HostcastError(
                f"{PREFIX}{name} holds a character that can't be sent",
                remedy="set it to the bare secret, on one line",
            )
    token, username, password = found["TOKEN"], found["USERNAME"], found["PASSWORD"]
    _refuse(bool(token and (username or password)), "a token and a user name or password are set", given)
    _refuse(bool(username) != bool(password), "a user name and a password belong together", given)
    _refuse(bool(found["KEY_FILE"] and not found["CERT_FILE"]), "a key needs its certificate", given)
    _check_files(found)

    auth: AuthBase = _Nothing()
    secrets = tuple(secret for secret in (token, password) if secret)
    if token:
        auth = _Bearer(token)
    elif username:
        # bytes: requests would encode text as Latin-1
        auth = HTTPBasicAuth(username.encode(), password.encode())
        secrets = (b64encode(f"{username}:{password}".encode()).decode(), *secrets)
    cert: tuple[str, str] | str | None = found["CERT_FILE"] or None
    if found["CERT_FILE"] and found["KEY_FILE"]:
        cert = (found["CERT_FILE"], found["KEY_FILE"])
    return Access(auth, found["CA_FILE"] or True, cert, given, secrets)


def _refuse(wrong: bool, problem: str, given: tuple[str, ...]) -> None:
    if wrong:
        raise HostcastError(
            f"{problem} (set are {', '.join(given)})",
            remedy=f"set {PREFIX}TOKEN, or {PREFIX}USERNAME and {PREFIX}PASSWORD; "
            f"for a client's certificate {PREFIX}CERT_FILE and, if it is a file of its own, {PREFIX}KEY_FILE",
        )


def _check_files(found: Mapping[str, str]) -> None:
    """Load the files now: in a connection's middle their faults look like the network's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if found["CA_FILE"]:
        try:
            context.load_verify_locations(found["CA_FILE"])
        except OSError as error:
            raise _unusable("CA_FILE", found["CA_FILE"], error, "certificates") from None
    if found["CERT_FILE"]:
        try:
            # a password of no use, else OpenSSL asks for one at the terminal
            context.load_cert_chain(found["CERT_FILE"], found["KEY_FILE"] or None, password=lambda: "-")
        except OSError as error:
            raise _unusable(
                "CERT_FILE", found["CERT_FILE"], error, "a certificate and its key without a passphrase"
            ) from None


def _unusable(name: str, file: str, error: OSError, expected: str) -> HostcastError:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return HostcastError(
        f"{PREFIX}{name} can't be used: {reason or 'not in PEM format'}",
        file=file,
        remedy=f"name a file in PEM format that holds {expected}",
    )

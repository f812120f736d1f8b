"""Asking Prometheus, patiently."""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, LocationParseError

from hostcast.errors import HostcastError
from hostcast.params import PrometheusRuntime
from hostcast.telemetry.prometheus.access import PREFIX, Access
from hostcast.telemetry.prometheus.answers import NotUnderstood, table_of
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.replies import Asked, TooMuch, Transient, data_of
from hostcast.telemetry.prometheus.spans import Span

__all__ = ["Client", "Stopped"]

log = logging.getLogger(__name__)

_LONGEST_WAIT = 30.0
_PROXIES = "HTTP_PROXY or HTTPS_PROXY"
_UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA")


class Stopped(Exception):
    """Somebody called off what this client was at."""


class Client:
    """One Prometheus, for any number of threads.

    Args:
        url: without /api/v1.
        seed: of the waits' jitter.
        stop: once set, no request is sent or waited for any more.
    """

    def __init__(
        self, url: str, access: Access, runtime: PrometheusRuntime, *, seed: int, stop: threading.Event
    ) -> None:
        self.url, self.access, self.runtime = url.rstrip("/"), access, runtime
        self.stop, self._seed = stop, seed
        # a session of requests is for one thread
        self._own = threading.local()

    def now_ms(self) -> int:
        """What the server's clock shows, milliseconds since 1970."""
        result = self._patiently("query", {"query": "time()"}, None, least=True)
        try:
            return int(float(result["result"][1]) * 1000)
        except (KeyError, TypeError, ValueError, IndexError):
            raise Asked(self.url, self.access, None).error(
                "does not tell its time", "see that prepare.prometheus.url is the address of a Prometheus"
            ) from None

    def answer(self, query: Query, span: Span) -> Any:
        """The query's values at the ends of the span's steps; see `table_of`.

        Raises:
            TooMuch: the span must be asked for in parts.
            Stopped: the event was set.
            HostcastError: there is no answer to be had.
        """
        asked = {
            "query": query.promql,
            "start": _seconds((span.first + 1) * query.step_ms),
            "end": _seconds(span.stop * query.step_ms),
            "step": _seconds(query.step_ms),
        }
        return self._patiently("query_range", asked, (query, span), least=span.steps == 1)

    def _patiently(
        self, call: str, form: dict[str, str], wanted: tuple[Query, Span] | None, *, least: bool
    ) -> Any:
        tries = self.runtime.retries + 1
        asked = Asked(self.url, self.access, wanted[0].name if wanted else None)
        problem = ""
        for attempt in range(tries):
            if self.stop.is_set():
                raise Stopped
            try:
                data = data_of(*self._reply(call, form, asked), asked)
                return data if wanted is None else table_of(data, *wanted)
            except Transient as transient:
                problem, after = self.access.hidden(str(transient)), transient.after
                if transient.slow and attempt and not least:
                    raise TooMuch(problem) from None
            except NotUnderstood as error:
                problem, after = f"gave {error}", 0.0
            if attempt + 1 < tries:
                wait = self._wait(f"{form}", attempt, after)
                log.warning(
                    "Prometheus %s; asking again in %.1f s (%d of %d)", problem, wait, attempt + 1, tries - 1
                )
                if self.stop.wait(wait):
                    raise Stopped
        raise asked.error(
            f"{problem} ({tries} times in a row)",
            "see that a Prometheus can be reached at prepare.prometheus.url, and run again: what was pulled "
            "is kept; runtime.prometheus.retries and .timeout make hostcast more patient",
        )

    def _wait(self, what: str, attempt: int, after: float) -> float:
        """Seconds until the next try; threads that failed together must not come back together."""
        # the power of a large attempt is no float any more
        longest = min(self.runtime.backoff * 2.0 ** min(attempt, 64), _LONGEST_WAIT)
        jitter = random.Random(f"{self._seed} {what} {attempt}").uniform(0.5, 1)
        return max(longest * jitter, min(after, _LONGEST_WAIT))

    def _reply(self, call: str, form: dict[str, str], asked: Asked) -> tuple[int, bytes, str | None]:
        """Status, body and Retry-After of one request."""
        deadline = time.monotonic() + self.runtime.timeout
        try:
            with self._session.post(
                f"{self.url}/api/v1/{call}",
                data=form,
                auth=self.access.auth,
                verify=self.access.verify,
                cert=self.access.cert,
                timeout=self.runtime.timeout,
                stream=True,
                allow_redirects=False,
            ) as response:
                body = bytearray()
                # as it comes: to wait for more at a time is to wait past the deadline for what trickles in
                while block := response.raw.read1(1 << 16, decode_content=True):
                    body += block
                    if len(body) > self.runtime.answer_mib * 2**20:
                        raise TooMuch(f"more than {self.runtime.answer_mib} MiB")
                    if time.monotonic() > deadline:
                        raise Transient("takes too long to answer", slow=True)
                return response.status_code, bytes(body), response.headers.get("Retry-After")
        except requests.exceptions.Timeout:
            raise Transient("does not answer in time", slow=True) from None
        except (requests.exceptions.RequestException, HTTPError) as error:
            raise _failure(error, asked) from None

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        session: requests.Session = self._own.session
        return session


def _failure(
    error: requests.exceptions.RequestException | HTTPError, asked: Asked
) -> Transient | HostcastError:
    text = asked.access.hidden(str(error))
    reason = next((word for word in _UNTRUSTED if word in text.upper().replace(" ", "_")), None)
    if reason is not None:
        return asked.error(
            f"and we don't trust each other's certificates ({reason.lower().replace('_', ' ')})",
            f"name the authority's certificate in {PREFIX}CA_FILE; where the server wants one of ours, "
            f"set {PREFIX}CERT_FILE and {PREFIX}KEY_FILE",
        )
    if "WRONG_VERSION_NUMBER" in text:
        return asked.error(
            "does not speak TLS", "see whether prepare.prometheus.url should begin with http://"
        )
    host = urlsplit(asked.url).hostname or ""
    if isinstance(error, requests.exceptions.InvalidProxyURL) or (
        "Failed to parse" in text and host not in text.lower()
    ):
        return asked.error(
            "can't be asked: its proxy is no address", f"correct {_PROXIES} in the environment"
        )
    if isinstance(
        error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, LocationParseError)
    ):
        return asked.error("is no address", "correct prepare.prometheus.url")
    if "timed out" in text:
        return Transient("does not answer in time", slow=True)
    # the innermost cause says what happened, what is around it only where
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    detail = cause.strerror if isinstance(cause, OSError) and cause.strerror else type(cause).__name__
    by = f", by way of {_PROXIES}" if isinstance(error, requests.exceptions.ProxyError) else ""
    return Transient(f"can't be reached or broke off ({detail}{by})")


def _seconds(millis: int) -> str:
    return f"{millis // 1000}.{millis % 1000:03d}"

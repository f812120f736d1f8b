"""A reverse proxy that misbehaves as told, and forwards to the real Prometheus otherwise."""

from __future__ import annotations

import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Faulty", "Request"]


@dataclass(frozen=True)
class Request:
    """What was asked: path, form, headers."""

    path: str
    form: dict[str, str]
    headers: dict[str, str]


# None: forward it; else do something with the connection
Fault = Callable[["_Handler"], None] | None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    faulty: Faulty

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has given up is no error of the proxy's."""


@dataclass
class Faulty:
    """Stands before `target`; `faults` are spent one by one on range queries, then all are forwarded.

    Attributes:
        seen: range queries in the order they came, failed ones too.
        before: called with each range query before it is forwarded.
    """

    target: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    before: Callable[[Request], None] = lambda request: None

    def __enter__(self) -> Faulty:
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.faulty = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://localhost:{self._server.server_address[1]}"

    def note(self, request: Request) -> Fault:
        """What to do with a request."""
        if not request.path.endswith("query_range"):
            return None
        with self._lock:
            self.seen.append(request)
            return self.faults.pop(0) if self.faults else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        faulty: Faulty = self.server.faulty  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = Request(
            self.path,
            dict(urllib.parse.parse_qsl(body.decode())),
            {k.lower(): v for k, v in self.headers.items()},
        )
        fault = faulty.note(request)
        if fault is not None:
            fault(self)
            return
        if request.path.endswith("query_range"):
            faulty.before(request)
        forwarded = urllib.request.Request(faulty.target + self.path, body)
        try:
            with urllib.request.urlopen(forwarded) as answer:
                self.say(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self.say(error.code, error.read())
        except OSError:
            self.say(502, b"no upstream")

    def say(self, status: int, body: bytes, **headers: str) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""

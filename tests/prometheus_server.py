"""A real Prometheus and node_exporter on loopback, and blocks of made-up history for them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["NodeExporter", "Prometheus", "backfill", "binary", "free_port"]

_PACKAGES = "apt-get install -y --no-install-recommends prometheus prometheus-node-exporter"


def binary(*names: str) -> str:
    """The first of these programs that is installed; a test without it fails and says what to install."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.fail(f"{names[0]} is not installed; these tests need the real one: {_PACKAGES}", pytrace=False)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def backfill(lines: Iterator[str], folder: Path) -> Path:
    """Blocks of OpenMetrics lines; returns their folder."""
    text = folder / "history.om"
    with text.open("w", encoding="utf-8") as sink:
        sink.writelines(f"{line}\n" for line in lines)
        sink.write("# EOF\n")
    blocks = folder / "blocks"
    made = subprocess.run(
        [binary("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(blocks)],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return blocks


@dataclass
class Prometheus:
    """A server over a folder of data, on one port for its whole life.

    Args:
        folder: data and configuration.
        options: further flags.
        scrapes: scrape configuration, as YAML.
        web: web configuration (TLS, users), as YAML.
    """

    folder: Path
    options: tuple[str, ...] = ()
    scrapes: str = "scrape_configs: []\n"
    web: str = ""

    def __post_init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if 'tls_server_config' in self.web else 'http'}://localhost:{self.port}"

    def start(self) -> Prometheus:
        """Start it and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "prometheus.yml").write_text(self.scrapes)
        (self.folder / "web.yml").write_text(self.web)
        command = [
            binary("prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--web.config.file={self.folder / 'web.yml'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            *self.options,
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            _wait_for(
                self.port, self._process, self.folder / "log", "Server is ready to receive web requests"
            )
        except BaseException:
            self.stop(kill=True)
            raise
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End it, by SIGKILL if asked to."""
        if self._process is not None:
            if kill:
                self._process.kill()
            else:
                self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None
            (self.folder / "log").unlink()

    def __enter__(self) -> Prometheus:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop(kill=True)


@contextmanager
def NodeExporter(folder: Path) -> Iterator[str]:
    """A running node_exporter that tells of every file system; yields host and port."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        binary("prometheus-node-exporter", "node_exporter"),
        f"--web.listen-address=127.0.0.1:{port}",
        # a container's root is an overlay, which is left out otherwise
        "--collector.filesystem.fs-types-exclude=^(proc|sysfs)$",
    ]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / "log", "")
        yield f"localhost:{port}"
    finally:
        process.kill()
        process.wait(timeout=60)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path, said: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0 and said in log.read_text():
                return
        time.sleep(0.05)

"""The commands of docs/public-data.md, run as they stand there on files of the published formats."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from project import Project

from hostcast.parts import read_frame

PAGE = (Path(__file__).parents[2] / "docs/public-data.md").read_text("utf-8")
COMMANDS = [
    shlex.split(block.removeprefix("$ ").replace("\\\n", " "))
    for block in re.findall(r"```console\n(.*?)\n```", PAGE, re.DOTALL)
]
DAYS = 4
SMD_TEXT = "%.6f"


def smd(seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """38 columns between 0 and 1, a row a minute, as long as a half."""
    rows = DAYS * 1440 // 2
    numbers = np.random.default_rng(seed)
    daily = 0.5 + 0.3 * np.sin(np.arange(rows)[:, None] / 1440 * 2 * np.pi + np.arange(38))
    return (daily + numbers.normal(0, 0.05, (rows, 38))).clip(0, 1)


def westermo(seed: int) -> pd.DataFrame:
    """Some of the published columns, a row every 30 seconds."""
    rows = DAYS * 2880
    numbers = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "timestamp": np.arange(rows) * 30,
            "load-1m": numbers.gamma(2, 0.4, rows).round(2),
            "sys-mem-total": 16_712_105_984,
            "sys-mem-available": numbers.integers(4 * 10**9, 12 * 10**9, rows),
            "cpu-system": numbers.random(rows).round(4),
            "cpu-user": numbers.gamma(2, 0.3, rows).round(4),
            "server-up": 1,
        }
    )


def node_exporter() -> pd.DataFrame:
    """Two instances, every 5 minutes; half of each processor is busy, and one restarts."""
    rows = DAYS * 288
    numbers = np.random.default_rng(9)
    seconds = np.arange(rows) * 300
    return pd.concat(
        pd.DataFrame(
            {
                "instance": name,
                "timestamp": 1_736_121_600 + seconds,
                "node_cpu_busy_seconds": seconds * share % reset,
                "node_memory_MemAvailable_bytes": numbers.integers(4 * 10**9, 12 * 10**9, rows),
                "node_memory_MemTotal_bytes": 16_000_000_000,
                "node_filesystem_avail_bytes": 20_000_000_000 + numbers.integers(0, 10**9, rows),
                "node_filesystem_size_bytes": 80_000_000_000,
                "node_load1": numbers.gamma(2, 0.5, rows).round(2),
            }
        )
        for name, share, reset in (("web-01:9100", 0.5, 100_000.0), ("web-02:9100", 0.25, 10**9))
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as they are published, in folders under git."""
    folder = tmp_path_factory.mktemp("published")
    seed = 0
    for half in ("train", "test"):
        (folder / "OmniAnomaly/ServerMachineDataset" / half).mkdir(parents=True)
        for name in ("machine-1-1", "machine-2-3"):
            seed += 1
            path = folder / "OmniAnomaly/ServerMachineDataset" / half / f"{name}.txt"
            np.savetxt(path, smd(seed), fmt=SMD_TEXT, delimiter=",")
    (folder / "test-system-performance-dataset/data").mkdir(parents=True)
    for number in (1, 2):
        westermo(number).to_csv(
            folder / f"test-system-performance-dataset/data/system-{number}.csv", index=False
        )
    node_exporter().to_csv(folder / "node_exporter.csv", index=False)
    for name in ("OmniAnomaly", "test-system-performance-dataset"):
        for words in (
            ["init", "--quiet", "--initial-branch=main"],
            ["add", "--all"],
            ["-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "--quiet", "--message", "all"],
        ):
            subprocess.run(["git", *words], cwd=folder / name, check=True)
    return folder


@pytest.fixture(scope="module")
def address(published: Path) -> Iterator[str]:
    """A web server of these files; like GitHub's it names each version by an ETag."""

    class Files(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = published / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "project")


def fetch(project: Project, address: str, published: Path, where: str, tool: str) -> str:
    """Run the page's one command that fetches something to a place; returns the place."""
    (command,) = [words for words in COMMANDS if words[:2] == ["dvc", tool] and words[-1] == where]
    places = [
        (r"https://raw\.githubusercontent\.com/NetManAIOps/OmniAnomaly/master", f"{address}/OmniAnomaly"),
        (
            r"https://raw\.githubusercontent\.com/westermo/test-system-performance-dataset/main",
            f"{address}/test-system-performance-dataset",
        ),
        (r"https://files\.example\.com", address),
        (r"https://github\.com/[^/]+", str(published)),
    ]
    for pattern, here in places:
        command = [re.sub(f"^{pattern}", here, word) for word in command]
    assert not any("https://" in word for word in command)
    project.must(*command)
    assert (project.folder / f"{where}.dvc").is_file()
    return where


def run(project: Project, name: str, *target: str) -> dict[str, Any]:
    """Run the page's experiment of a name; returns the quality report."""
    (command,) = [words for words in COMMANDS if words[:5] == ["dvc", "exp", "run", "-n", name]]
    project.commit()
    project.must(*command, *target)
    report: dict[str, Any] = json.loads((project.folder / "reports/prepare/quality.json").read_text("utf-8"))
    return report


def telemetry(project: Project) -> pd.DataFrame:
    return read_frame(project.folder / "data/prepared/telemetry", stage="prepare")


def means(values: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    """Of each so many rows."""
    return values.reshape(-1, rows).mean(axis=1)


def test_smd_comes_from_git_and_is_forecast(project: Project, address: str, published: Path) -> None:
    for half in "12":
        fetch(project, address, published, f"data/raw/smd-{half}", "import")
    project.set({"evaluate.season": 288})
    report = run(project, "smd", "evaluate")
    assert report["rows"]["read"] == 2 * DAYS * 1440
    assert report["timestamps"] == {"row number": 2 * DAYS * 1440}
    assert report["span"] == {"first": "2019-01-01T00:00:00Z", "last": "2019-01-04T23:55:00Z"}
    frame = telemetry(project)
    own = frame[frame["server"] == "machine-1-1"]
    text = published / "OmniAnomaly/ServerMachineDataset"
    whole = np.concatenate(
        [np.loadtxt(text / half / "machine-1-1.txt", delimiter=",") for half in ("train", "test")]
    )
    for name, column, scale in (
        ("cpu_percent", 0, 100),
        ("memory_percent", 5, 100),
        ("disk_percent", 12, 100),
        ("load_average", 1, 1),
    ):
        np.testing.assert_allclose(own[name], scale * means(whole[:, column], 5), rtol=1e-5)
    assert (project.folder / "reports/report.html").exists()


def test_one_machine_of_smd_comes_by_its_address(project: Project, address: str, published: Path) -> None:
    fetch(project, address, published, "data/raw/smd-machine-1-1.txt", "import-url")
    report = run(project, "smd", "prepare")
    assert [server["name"] for server in report["servers"]] == ["smd-machine-1-1"]
    assert report["rows"]["read"] == DAYS * 720


@pytest.mark.parametrize(
    ("tool", "where"),
    [("import-url", "data/raw/westermo-system-1.csv"), ("import", "data/raw/westermo")],
)
def test_the_westermo_servers_come_either_way(
    project: Project, address: str, published: Path, tool: str, where: str
) -> None:
    fetch(project, address, published, where, tool)
    report = run(project, "westermo", "prepare")
    servers = [server["name"] for server in report["servers"]]
    assert servers == (["westermo-system-1"] if tool == "import-url" else ["system-1", "system-2"])
    assert report["timestamps"] == {"seconds since start": len(servers) * DAYS * 2880}
    assert report["span"]["first"] == "2023-01-01T00:00:00Z"
    own = telemetry(project).query("server == @servers[0]")
    source = westermo(1)
    np.testing.assert_allclose(own["cpu_user"], means(source["cpu-user"].to_numpy(), 10), rtol=1e-5)
    used = 100 * (1 - source["sys-mem-available"] / source["sys-mem-total"])
    np.testing.assert_allclose(own["memory_percent"], means(used.to_numpy(), 10), rtol=1e-5)


def test_a_csv_of_node_exporter_comes_by_its_address(project: Project, address: str, published: Path) -> None:
    fetch(project, address, published, "data/raw/node_exporter.csv", "import-url")
    report = run(project, "node_exporter", "prepare")
    assert {server["name"] for server in report["servers"]} == {"web-01:9100", "web-02:9100"}
    assert report["columns"]["cpu_percent"]["counter"]["counter_resets"] > 0
    frame = telemetry(project)
    busy = frame.groupby("server")["cpu_percent"].median()
    np.testing.assert_allclose(busy, [50, 25], rtol=1e-4)
    assert frame["disk_percent"].between(70, 80).all()


def test_every_command_of_the_page_is_run_here() -> None:
    fetched = sorted((words[1], words[-1]) for words in COMMANDS if words[1].startswith("import"))
    assert fetched == [
        ("import", "data/raw/smd-1"),
        ("import", "data/raw/smd-2"),
        ("import", "data/raw/westermo"),
        ("import-url", "data/raw/node_exporter.csv"),
        ("import-url", "data/raw/smd-machine-1-1.txt"),
        ("import-url", "data/raw/westermo-system-1.csv"),
    ]
    assert {words[4] for words in COMMANDS if words[1] == "exp"} == {"smd", "westermo", "node_exporter"}
    assert len(COMMANDS) == 9

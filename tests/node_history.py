"""Two days of three made-up servers as node_exporter tells them, scraped every minute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fleet import shipped
from hostcast.params import Params, parse_params

__all__ = [
    "DAYS",
    "END",
    "RESET",
    "SERVERS",
    "START",
    "STEPS",
    "asked",
    "busy",
    "load",
    "openmetrics",
    "used",
]

START = pd.Timestamp("2025-01-06", tz="UTC")
DAYS = 2
END = START + pd.Timedelta(days=DAYS)
MINUTES = DAYS * 24 * 60
STEPS = MINUTES // 5
SERVERS = ("web-0:9100", "web-1:9100", "web-2:9100")
# the second server starts anew, and its counters with it
RESET = 1003
# the third one is not scraped for three hours
GONE = range(600, 780)
# the load of the first one is NaN in two steps
UNKNOWN = range(101, 109)


def busy(server: int) -> np.ndarray:
    """Busy share of the CPUs in each step, percent."""
    steps = np.arange(STEPS)
    return 10.0 + 20 * server + (steps * 7) % 31


def used(server: int, minute: np.ndarray) -> np.ndarray:
    """Used share of memory, percent; of the root file system it is half as much."""
    return 20.0 + 20 * server + minute / MINUTES * 20


def load(server: int, minute: np.ndarray) -> np.ndarray:
    """The 1-minute load."""
    return 1.0 + server + minute / MINUTES


def openmetrics() -> Iterator[str]:
    """The lines, without their end."""
    minute = np.arange(MINUTES + 1)
    stamps = int(START.timestamp()) + 60 * minute
    idle = [idle_seconds(server) for server in range(len(SERVERS))]
    families: list[tuple[str, str, Any]] = [
        ("node_cpu_seconds", '_total{cpu="0",mode="idle"', lambda server: idle[server]),
        ("node_cpu_seconds", '_total{cpu="1",mode="idle"', lambda server: idle[server]),
        ("node_cpu_seconds", '_total{cpu="1",mode="user"', lambda server: 7.0 * minute),
        ("node_memory_MemTotal_bytes", "{", lambda server: np.full(len(minute), 8e9)),
        ("node_memory_MemAvailable_bytes", "{", lambda server: 8e9 * (1 - used(server, minute) / 100)),
        ("node_filesystem_size_bytes", '{mountpoint="/"', lambda server: np.full(len(minute), 1e11)),
        ("node_filesystem_size_bytes", '{mountpoint="/boot"', lambda server: np.full(len(minute), 1e9)),
        (
            "node_filesystem_avail_bytes",
            '{mountpoint="/"',
            lambda server: 1e11 * (1 - used(server, minute) / 200),
        ),
        ("node_filesystem_avail_bytes", '{mountpoint="/boot"', lambda server: np.full(len(minute), 1e6)),
        ("node_load1", "{", lambda server: load(server, minute)),
    ]
    told = ""
    for family, labels, values_of in families:
        if family != told:
            yield f"# TYPE {family} {'counter' if 'seconds' in family else 'gauge'}"
            told = family
        comma = "" if labels.endswith("{") else ","
        for number, server in enumerate(SERVERS):
            role = ("front", "back")[number % 2]
            own = f'{family}{labels}{comma}instance="{server}",job="node",role="{role}"}}'
            for at, (value, stamp) in enumerate(zip(values_of(number), stamps, strict=True)):
                if number == 2 and at in GONE:
                    continue
                nothing = number == 0 and at in UNKNOWN and family == "node_load1"
                yield f"{own} {'NaN' if nothing else value} {stamp}"


def idle_seconds(server: int) -> np.ndarray:
    """Counter of the idle time of one CPU, minute by minute; the second server's starts anew."""
    each = np.repeat(60 * (1 - busy(server) / 100), 5)
    counted = np.concatenate([[1000.0], 1000 + np.cumsum(each)])
    if server == 1:
        counted[RESET:] -= counted[RESET - 1]
    return counted


def asked(url: str, prometheus: dict[str, Any] | None = None, **changes: Any) -> Params:
    """The shipped params with telemetry from `url`; `changes` go to prepare, base__x=... to base."""
    content = shipped()
    content["prepare"] |= {"source": "prometheus", "min_rows": 1}
    content["prepare"]["prometheus"] |= {"url": url, "start": "2025-01-06", "end": "2025-01-08"}
    content["prepare"]["prometheus"] |= prometheus or {}
    content["runtime"]["prometheus"] |= {"backoff": 0.01, "chunk_steps": 100}
    content["runtime"]["progress"] = False
    for name, value in changes.items():
        section, _, key = name.rpartition("__")
        content[section or "prepare"][key] = value
    return parse_params(content)

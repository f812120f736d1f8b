"""One PromQL query per column: node_exporter's for the usual four, the user's for any."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass

import pandas as pd

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.telemetry.wanted import Wanted

__all__ = ["NODE_EXPORTER", "Query", "queries_for"]

# Means over the step, so that a value needs a scrape within it. Rates of the idle time may add up to a little
# more than all of it, which must not pass for a value out of range.
NODE_EXPORTER = {
    "cpu_percent": "clamp_min(100 * (1 - avg by ($server) "
    '(rate(node_cpu_seconds_total{mode="idle", $selector}[$step]))), 0)',
    "memory_percent": "100 * (1 - avg_over_time(node_memory_MemAvailable_bytes{$selector}[$step])"
    " / avg_over_time(node_memory_MemTotal_bytes{$selector}[$step]))",
    "disk_percent": "max by ($server) (100 * (1 - "
    'avg_over_time(node_filesystem_avail_bytes{mountpoint="/", fstype!="rootfs", $selector}[$step])'
    ' / avg_over_time(node_filesystem_size_bytes{mountpoint="/", fstype!="rootfs", $selector}[$step])))',
    "load_average": "avg_over_time(node_load1{$selector}[$step])",
}


@dataclass(frozen=True)
class Query:
    """What is asked, and all that its answer depends on.

    Attributes:
        name: the column it fills.
        url: the server it is put to.
        promql: without placeholders.
        step_ms: distance of the instants it is evaluated at, milliseconds.
        server_label: label that holds the server's name.
        static: labels that are kept for static columns.
    """

    name: str
    url: str
    promql: str
    step_ms: int
    server_label: str
    static: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Name of the folder of its answers."""
        asked = {key: value for key, value in asdict(self).items() if key != "name"}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        return f"{re.sub(r'[^A-Za-z0-9_]+', '-', self.name)[:40]}-{digest[:16]}"


def queries_for(params: Params, wanted: Wanted) -> list[Query]:
    """One query for each target and covariate, and for the total of what is given in bytes.

    `$step`, `$server` and `$selector` in PromQL stand for base.freq, the server's label and
    prepare.prometheus.selector.

    Raises:
        HostcastError: a column has no query, a query no column, or base.freq is none of Prometheus's.
    """
    asked = params.prepare.prometheus
    step_ms, rest = divmod(params.base.step, pd.Timedelta(1, "ms"))
    if rest:
        raise HostcastError(
            f"base.freq {params.base.freq} is no whole number of milliseconds, and Prometheus knows no less",
            remedy="set a longer base.freq",
        )
    known = {**NODE_EXPORTER, **asked.queries}
    names = tuple(dict.fromkeys([*wanted.metrics, *wanted.totals.values()]))
    lacking = [name for name in names if name not in known]
    if lacking:
        raise HostcastError(
            f"there is no query for {lacking}; without being told, hostcast knows {list(NODE_EXPORTER)}",
            remedy=f"write PromQL, e.g. prepare.prometheus.queries: {{{lacking[0]}: 'sum by ($server) (x)'}}",
        )
    unused = sorted(set(asked.queries) - set(names))
    if unused:
        raise HostcastError(
            f"prepare.prometheus.queries names {unused}, which is none of the wanted columns {list(names)}",
            remedy="put new metrics into base.target_metrics or prepare.covariates, too",
        )
    duration = f"{step_ms // 1000}s" if step_ms % 1000 == 0 else f"{step_ms}ms"
    stands_for = {"step": duration, "server": asked.server_label, "selector": asked.selector}
    return [
        Query(
            name,
            asked.url,
            re.sub(r"\$(step|server|selector)\b", lambda found: stands_for[found[1]], known[name]),
            step_ms,
            asked.server_label,
            wanted.static,
        )
        for name in names
    ]

"""The source `prometheus`: what is not in the store yet is pulled, then the store is read."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from hostcast.errors import HostcastError
from hostcast.params import Params
from hostcast.params.dates import shown_instant
from hostcast.paths import PULLED
from hostcast.telemetry.prometheus.access import access_from
from hostcast.telemetry.prometheus.client import Client
from hostcast.telemetry.prometheus.filling import fill, lacking
from hostcast.telemetry.prometheus.queries import Query, queries_for
from hostcast.telemetry.prometheus.rows import side_by_side
from hostcast.telemetry.prometheus.spans import Span, gaps, pieces, span_between
from hostcast.telemetry.prometheus.store import Damaged, Store, held
from hostcast.telemetry.wanted import SERVER, TIMESTAMP, Wanted

__all__ = ["Pulled", "pull"]

log = logging.getLogger(__name__)

# how many steps are read at a time; whatever the number, the rows are the same
_STEPS_READ = 512


@dataclass
class _Seen:
    """What was read of a query."""

    samples: int = 0
    servers: set[str] = field(default_factory=set)
    digest: Any = field(default_factory=hashlib.sha256)

    def note(self, server: Any, timestamp: Any, values: Any) -> None:
        """Count rows, and digest them: the same for the same rows, whichever files they lie in."""
        given = np.asarray(values.is_valid())
        codes, own = np.unique(np.asarray(server.indices)[given], return_inverse=True)
        names = [server.dictionary[int(code)].as_py() for code in codes]
        numbers = np.asarray(values.drop_null())
        self.samples += len(numbers)
        self.servers.update(names)
        for part in (own.astype("<i8"), np.asarray(timestamp.cast(pa.int64()))[given], numbers.astype("<f8")):
            self.digest.update(part.tobytes())
        self.digest.update("\0".join(names).encode())


@dataclass(frozen=True)
class Pulled:
    """Telemetry that lies in the store.

    Attributes:
        stores: one per query.
        span: the steps that were asked for.
    """

    params: Params
    stores: tuple[Store, ...]
    span: Span
    _seen: dict[str, _Seen] = field(default_factory=dict, repr=False)

    def tables(self) -> Iterator[dict[str, Any]]:
        """The rows in parts, in order of time: hostcast's name of each wanted column -> Arrow array.

        Raises:
            HostcastError: a query gave nothing at all, or a damaged file can't be pulled again.
        """
        self._seen.update({store.query.name: _Seen() for store in self.stores})
        present: dict[Store, list[Span]] = {}
        for span in pieces(self.span, _STEPS_READ):
            answers = {store.query: self._read(store, span, present) for store in self.stores}
            if any(len(table) for table in answers.values()):
                columns = side_by_side(answers, span)
                for query in answers:
                    self._seen[query.name].note(columns[SERVER], columns[TIMESTAMP], columns[query.name])
                yield columns
        for store in self.stores:
            if not self._seen[store.query.name].samples:
                # the server may have it by the next run
                store.forget(self.span)
                raise _nothing(store.query, self.params)

    def origin(self) -> dict[str, Any]:
        """What the data-quality report says about the source, once all tables were taken."""
        asked = self.params.prepare.prometheus
        return {
            "source": "prometheus",
            "files": [],
            "ignored_files": [],
            "prometheus": {
                "url": asked.url,
                "start": asked.start,
                "end": asked.end,
                "server_label": asked.server_label,
                "queries": [
                    {
                        "name": store.query.name,
                        "promql": store.query.promql,
                        "samples": seen.samples,
                        "servers": len(seen.servers),
                        "sha256": seen.digest.hexdigest(),
                    }
                    for store in self.stores
                    for seen in [self._seen[store.query.name]]
                ],
            },
        }

    def _read(self, store: Store, span: Span, present: dict[Store, list[Span]]) -> Any:
        replaced: set[Path] = set()
        while True:
            # once, as a folder may hold many files
            present[store] = present.get(store) or store.spans()
            try:
                return store.read(span, present[store])
            except Damaged as damaged:
                path = damaged.path
            if path in replaced:
                raise HostcastError(
                    "can't be read, though it was just pulled again", file=path, remedy="check the disk"
                )
            log.warning("%s is damaged, pulling it again", path)
            path.unlink(missing_ok=True)
            replaced.add(path)
            present.clear()
            _fill(self)


def pull(params: Params, wanted: Wanted, top: Path = PULLED) -> Pulled:
    """Pull what the store lacks of the span and queries that the params ask for.

    Raises:
        HostcastError: the params or the environment don't fit, or Prometheus can't answer; what came
            until then is kept.
    """
    asked = params.prepare.prometheus
    stores = tuple(Store(top / "prometheus", query) for query in queries_for(params, wanted))
    span = span_between(asked.start, asked.end, stores[0].query.step_ms)
    if span.steps < 1:
        raise HostcastError(
            f"there is no whole step of {params.base.freq} between prepare.prometheus.start and .end",
            remedy="choose an earlier start or a later end",
        )
    pulled = Pulled(params, stores, span)
    _fill(pulled)
    return pulled


def _fill(pulled: Pulled) -> None:
    runtime = pulled.params.runtime.prometheus

    def lacks() -> bool:
        return any(gaps(pulled.span, store.spans()) for store in pulled.stores)

    # a store that lacks nothing needs no server
    if not lacks():
        return
    access = access_from()
    with held(pulled.stores[0].top):
        for store in pulled.stores:
            store.tidy()
        # another process may just have pulled it
        if lacks():
            url = pulled.params.prepare.prometheus.url
            client = Client(url, access, runtime, seed=pulled.params.base.random_seed, stop=threading.Event())
            _check_end(pulled, client.now_ms())
            chunks = lacking(pulled.stores, pulled.span, runtime.chunk_steps)
            log.info("pulling %d chunks of %d queries from %s", len(chunks), len(pulled.stores), url)
            fill(chunks, client, progress=pulled.params.runtime.progress)


def _check_end(pulled: Pulled, now_ms: int) -> None:
    if pulled.span.stop * pulled.stores[0].query.step_ms > now_ms:
        raise HostcastError(
            f"prepare.prometheus.end {shown_instant(pulled.params.prepare.prometheus.end)} lies ahead of "
            f"Prometheus's clock, {shown_instant(pd.Timestamp(now_ms, unit='ms'))}: what it does not know "
            "yet would pass for missing",
            remedy="choose an end that has passed, and move it when there is more",
        )


def _nothing(query: Query, params: Params) -> HostcastError:
    asked = params.prepare.prometheus
    return HostcastError(
        f"Prometheus at {asked.url} has no value for this query between {shown_instant(asked.start)} and "
        f"{shown_instant(asked.end)}: {query.promql}",
        column=query.name,
        remedy=f"try it in Prometheus's own page; correct prepare.prometheus.queries.{query.name}, "
        "prepare.prometheus.selector, .start or .end",
    )

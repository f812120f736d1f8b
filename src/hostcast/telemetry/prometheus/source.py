"""The source `prometheus`: what is not in the store yet is pulled, then the store is read."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hostcast.errors import HostcastError
from hostcast.params import Params, PrometheusParams
from hostcast.params.dates import shown_instant
from hostcast.parts import each_in_order
from hostcast.paths import PULLED
from hostcast.telemetry.prometheus.access import access_from
from hostcast.telemetry.prometheus.client import Client
from hostcast.telemetry.prometheus.filling import fill, lacking
from hostcast.telemetry.prometheus.queries import Query, queries_for
from hostcast.telemetry.prometheus.spans import Span, gaps, pieces, span_between
from hostcast.telemetry.prometheus.store import Kept, Store, held
from hostcast.telemetry.prometheus.windows import WINDOW_STEPS, Window
from hostcast.telemetry.sources import Input, Source
from hostcast.telemetry.survey import Survey
from hostcast.telemetry.wanted import Wanted

__all__ = ["Pulled", "pull"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pulled(Source):
    """Telemetry that lies in the store; each input is what all queries gave for some steps.

    Attributes:
        asked: the params.
        stores: one per query.
        span: the steps that were asked for.
    """

    asked: PrometheusParams
    stores: tuple[Store, ...]
    span: Span

    @property
    def name(self) -> str | None:
        """In messages: none, a server is no file."""
        return None

    def origin(
        self, surveys: Mapping[int, Survey], faults: Mapping[int, HostcastError], wanted: Wanted
    ) -> dict[str, Any]:
        """For the quality report: what was asked, and what came; see `Source.origin`."""
        return {
            "source": self.kind,
            "files": [],
            "skipped_files": [],
            "ignored_files": [],
            "prometheus": {
                "url": self.asked.url,
                "start": self.asked.start,
                "end": self.asked.end,
                "server_label": self.asked.server_label,
                "queries": [_told(store.query, surveys) for store in self.stores],
            },
        }

    def refuse_lacking(
        self, surveys: Mapping[int, Survey], faults: Mapping[int, HostcastError], wanted: Wanted
    ) -> None:
        """A query may give nothing for some time, not for all.

        Raises:
            HostcastError: a query gave nothing at all.
        """
        for store in self.stores:
            if not _told(store.query, surveys)["samples"]:
                # the server may have it by the next run
                store.forget(self.span)
                raise _nothing(store.query, self.asked)


def _told(query: Query, surveys: Mapping[int, Survey]) -> dict[str, Any]:
    own = [survey.told[query.name] for _, survey in sorted(surveys.items()) if survey.told]
    return {
        "name": query.name,
        "promql": query.promql,
        "samples": sum(each["samples"] for each in own),
        "servers": len({server for each in own for server in each["servers"]}),
        "sha256": hashlib.sha256("".join(each["sha256"] for each in own).encode()).hexdigest(),
    }


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
    digests = _filled(stores, span, params)
    return Pulled("prometheus", list(_inputs(stores, span, digests)), asked=asked, stores=stores, span=span)


def _inputs(stores: Sequence[Store], span: Span, digests: Mapping[Path, str]) -> Iterator[Input]:
    files = {store: store.files(span) for store in stores}
    for own in pieces(span, WINDOW_STEPS):
        window = Window(
            own,
            tuple(
                (store, tuple(k for k in kept if k.span.first < own.stop and k.span.stop > own.first))
                for store, kept in files.items()
            ),
        )
        first, stop = (
            shown_instant(pd.Timestamp(step * stores[0].query.step_ms, unit="ms"))
            for step in (own.first, own.stop)
        )
        yield Input(f"{first} to {stop}", "prometheus", window.digest(digests), [window])


def _filled(stores: Sequence[Store], span: Span, params: Params) -> dict[Path, str]:
    """Pull what lacks or is damaged, and give the digests of all files."""
    replaced: set[tuple[Store, Span]] = set()
    while True:
        _fill(stores, span, params)
        kept = [(store, own) for store in stores for own in store.files(span)]
        digests = list(each_in_order(_digest, [own for _, own in kept]))
        damaged = [pair for pair, digest in zip(kept, digests, strict=True) if digest is None]
        if not damaged:
            return {own.path: digest for (_, own), digest in zip(kept, digests, strict=True) if digest}
        for store, own in damaged:
            if (store, own.span) in replaced:
                raise HostcastError(
                    "can't be read, though it was just pulled again", file=own.path, remedy="check the disk"
                )
            log.warning("%s is damaged, pulling it again", own.path)
            own.path.unlink(missing_ok=True)
            replaced.add((store, own.span))


def _digest(kept: Kept) -> str | None:
    return kept.sha256()


def _fill(stores: Sequence[Store], span: Span, params: Params) -> None:
    def lacks() -> bool:
        return any(gaps(span, store.spans()) for store in stores)

    # a store that lacks nothing needs no server
    if not lacks():
        return
    access, runtime, url = access_from(), params.runtime.prometheus, params.prepare.prometheus.url
    with held(stores[0].top):
        for store in stores:
            store.tidy()
        # another process may just have pulled it
        if lacks():
            client = Client(url, access, runtime, seed=params.base.random_seed, stop=threading.Event())
            _check_end(params.prepare.prometheus, span.stop * stores[0].query.step_ms, client.now_ms())
            chunks = lacking(stores, span, runtime.chunk_steps)
            log.info("pulling %d chunks of %d queries from %s", len(chunks), len(stores), url)
            fill(chunks, client, progress=params.runtime.progress)


def _check_end(asked: PrometheusParams, end_ms: int, now_ms: int) -> None:
    if end_ms > now_ms:
        raise HostcastError(
            f"prepare.prometheus.end {shown_instant(asked.end)} lies ahead of "
            f"Prometheus's clock, {shown_instant(pd.Timestamp(now_ms, unit='ms'))}: what it does not know "
            "yet would pass for missing",
            remedy="choose an end that has passed, and move it when there is more",
        )


def _nothing(query: Query, asked: PrometheusParams) -> HostcastError:
    return HostcastError(
        f"Prometheus at {asked.url} has no value for this query between {shown_instant(asked.start)} and "
        f"{shown_instant(asked.end)}: {query.promql}",
        column=query.name,
        remedy=f"try it in Prometheus's own page; correct prepare.prometheus.queries.{query.name}, "
        "prepare.prometheus.selector, .start or .end; a mean needs one scrape within base.freq, a rate two",
    )

"""Getting what is not there yet: several requests at a time, each answer kept as soon as it is in."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from tqdm import tqdm

from hostcast.telemetry.prometheus.client import Client
from hostcast.telemetry.prometheus.queries import Query
from hostcast.telemetry.prometheus.replies import Asked, TooMuch
from hostcast.telemetry.prometheus.spans import Span, gaps, pieces
from hostcast.telemetry.prometheus.store import Store

__all__ = ["Chunk", "fill", "lacking"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chunk:
    """What one request asks for."""

    store: Store
    span: Span


# rows that were kept, or why there are none
Outcome = int | Exception


def lacking(stores: Sequence[Store], span: Span, chunk_steps: int) -> list[Chunk]:
    """What of the span is not there yet, in order of time, cut into requests."""
    chunks = [
        Chunk(store, piece)
        for store in stores
        for gap in gaps(span, store.spans())
        for piece in pieces(gap, chunk_steps)
    ]
    return sorted(chunks, key=lambda chunk: (chunk.span, chunk.store.query.name))


def fill(chunks: Sequence[Chunk], client: Client, *, progress: bool) -> None:
    """Ask for all chunks and keep the answers; what is too much at once is asked for in parts.

    Raises:
        HostcastError: one of them can't be had; those that came before are kept.
    """
    waiting, longest = deque(chunks), dict[Query, int]()
    todo, came = SimpleQueue[Chunk | None](), SimpleQueue[tuple[Chunk, Outcome]]()
    # daemons: an interrupted run need not wait for a server that does not answer
    threads = [
        threading.Thread(target=_work, args=(todo, came, client), daemon=True)
        for _ in range(min(client.runtime.concurrency, len(chunks)))
    ]
    bar = tqdm(
        total=len(chunks), unit="chunk", desc="pulling", disable=not (progress and sys.stderr.isatty())
    )
    outstanding = samples = 0
    try:
        for thread in threads:
            thread.start()
        while waiting or outstanding:
            while waiting and outstanding < len(threads):
                chunk = waiting.popleft()
                limit = longest.get(chunk.store.query, chunk.span.steps)
                if chunk.span.steps > limit:
                    parts = pieces(chunk.span, limit)
                    waiting.extendleft(Chunk(chunk.store, part) for part in reversed(parts))
                    bar.total = (bar.total or 0) + len(parts) - 1
                    continue
                todo.put(chunk)
                outstanding += 1
            chunk, outcome = came.get()
            outstanding -= 1
            if isinstance(outcome, TooMuch):
                longest[chunk.store.query] = _shorter(chunk, outcome, client)
                waiting.appendleft(chunk)
            elif isinstance(outcome, Exception):
                raise outcome
            else:
                samples += outcome
                bar.set_postfix_str(f"{samples:,} samples", refresh=False)
                bar.update()
    finally:
        bar.close()
        client.stop.set()
        for _ in threads:
            todo.put(None)
        # answers that are just coming in are still kept
        deadline = time.monotonic() + 2
        for thread in threads:
            thread.join(timeout=max(0, deadline - time.monotonic()))
    log.info("pulled %s samples", f"{samples:,}")


def _work(todo: SimpleQueue[Chunk | None], came: SimpleQueue[tuple[Chunk, Outcome]], client: Client) -> None:
    while (chunk := todo.get()) is not None:
        try:
            table = client.answer(chunk.store.query, chunk.span)
            chunk.store.write(chunk.span, table)
            came.put((chunk, len(table)))
        except Exception as error:  # whatever it is, it belongs to the thread that waits for it
            came.put((chunk, error))


def _shorter(chunk: Chunk, reason: TooMuch, client: Client) -> int:
    """How many steps of the query to ask for instead."""
    if chunk.span.steps == 1:
        raise Asked(client.url, client.access, chunk.store.query.name).error(
            f"has too much for even one step: {reason}",
            "narrow the query (prepare.prometheus.selector), raise runtime.prometheus.answer_mib, or the "
            "server's --query.max-samples and --query.timeout",
        )
    log.info(
        "%s is too much in %d steps at once (%s); asking for half",
        chunk.store.query.name,
        chunk.span.steps,
        reason,
    )
    return chunk.span.steps // 2

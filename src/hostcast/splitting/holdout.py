"""Servers that no model is trained on: they tell how it forecasts servers that it never saw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hostcast.errors import HostcastError
from hostcast.params import SplitParams
from hostcast.splitting.spans import Span

__all__ = ["hold_out"]

_SHOWN = 10


def hold_out(spans: Sequence[Span], split: SplitParams, seed: int) -> tuple[list[Span], list[str]]:
    """Take some servers out of training and validation.

    Which ones a number or a share draws depends on the seed and on the servers' names alone: a server that
    joins the fleet changes at most one of them.

    Args:
        spans: of all servers.
        split: names, a number or a share of servers, of those that reach into the test span.
        seed: what they are drawn by.

    Returns:
        The spans, and the names of those that were held out, sorted.

    Raises:
        HostcastError: a name is that of no server, or none would be left to train on.
    """
    wanted = split.holdout_servers
    known = [span.server for span in spans]
    if isinstance(wanted, list):
        strangers = sorted(set(wanted) - set(known))
        if strangers:
            shown = ", ".join(known[:_SHOWN]) + (" and others" if len(known) > _SHOWN else "")
            raise HostcastError(
                f"split.holdout_servers names {strangers[0]!r}, which is no server of the telemetry",
                remedy=f"name servers that are in it: {shown}",
            )
        names = set(wanted)
    else:
        scored = [span.server for span in spans if span.test_begin < span.test_end]
        count = max(1, round(wanted * len(scored))) if isinstance(wanted, float) else wanted
        names = set(sorted(scored, key=lambda name: _lot(seed, name))[:count])
    if names and not any(span.train_end for span in spans if span.server not in names):
        raise HostcastError(
            f"split.holdout_servers leaves no server to train on: {len(names)} of {len(known)} are held out",
            remedy="hold out fewer servers",
        )
    return [span.held_out() if span.server in names else span for span in spans], sorted(names)


def _lot(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()

"""Rows from the future: told by the fleet's own end, never by this machine's clock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["beyond", "fleet_end", "last_seen"]

Ints = npt.NDArray[np.int64]

# so many servers at most, and one in any case, may have a wrong clock at once
_FEW = 0.05
# fewer servers can't outvote one
_FLEET = 3


def last_seen(server: Ints, micros: Ints, servers: int) -> Ints:
    """The last instant of each server; of one without rows, the smallest number there is."""
    last = np.full(servers, np.iinfo(np.int64).min)
    np.maximum.at(last, server, micros)
    return last


def fleet_end(last: Ints) -> int | None:
    """The latest instant that more than a few servers have reached; None for less than a fleet.

    Args:
        last: the last instant of every server.
    """
    if len(last) < _FLEET:
        return None
    few = max(1, int(_FEW * len(last)))
    return int(np.sort(last)[-few - 1])


def beyond(server: Ints, micros: Ints, end: int, skew: int) -> npt.NDArray[np.bool_]:
    """Which rows lie more than `skew` after the fleet's end, and were reached by a jump of more than that.

    A server that outlived the others went on from step to step, without a jump: its rows stay.
    """
    late = np.zeros(len(micros), np.bool_)
    suspects = np.unique(server[micros > end + skew])
    if not len(suspects):
        return late
    own = np.flatnonzero(np.isin(server, suspects))
    order = own[np.lexsort((micros[own], server[own]))]
    ranked, time = server[order], micros[order]
    begins = np.append(True, ranked[1:] != ranked[:-1])
    jumps = begins.copy()
    jumps[1:] |= np.diff(time) > skew
    jumps &= time > end + skew
    # from a server's first jump on, everything
    counted = np.cumsum(jumps)
    late[order] = counted > (counted - jumps)[begins][np.cumsum(begins) - 1]
    return late

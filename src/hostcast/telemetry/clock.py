"""Rows from the future: told by the fleet's own end, never by this machine's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hostcast.telemetry.spans import Span

__all__ = ["cutoffs"]

# so many servers at most, and one in any case, may have a wrong clock at once
_FEW = 0.05
# fewer servers can't outvote one
_FLEET = 3


def cutoffs(spans: Mapping[str, Sequence[Span]], skew: int | None) -> dict[str, int]:
    """For servers whose clocks went wrong, the time from which they are not believed.

    That is where a server jumps by more than `skew` to a time that is more than `skew` after the fleet's
    end, which is the latest instant that more than a few servers have reached. A server that outlived the
    others went on without a jump, and is believed.

    Args:
        spans: the times of each server's rows, microseconds; those at most `skew` apart share a span.
        skew: how far past the fleet's end a clock may run, microseconds; None = any distance.
    """
    last = sorted(own[-1][1] for own in spans.values() if own)
    if skew is None or len(last) < _FLEET:
        return {}
    end = last[-1 - max(1, int(_FEW * len(last)))]
    found = {}
    for name, own in spans.items():
        jumps = [first for first, _ in own if first > end + skew]
        if jumps:
            found[name] = jumps[0]
    return found

"""Which servers share a file, and how long a stretch of time it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["CHUNK_STEPS", "group_bounds"]

# Steps of a file, counted from 1970: 57 days of 5 minutes. New telemetry touches the last files alone.
CHUNK_STEPS = 1 << 14
# On average, and at most: a file holds half a million rows, and never more than a million.
MEAN_SERVERS = 32
MOST_SERVERS = 64


def group_bounds(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Cut sorted names into groups: group g has names[bounds[g]] to names[bounds[g + 1] - 1].

    A name itself decides whether a group begins with it. A server that joins or leaves so moves the
    bounds of its own group, and leaves all others as they were.
    """
    bounds = [0]
    for place, name in enumerate(names[1:], 1):
        if _begins(name) or place - bounds[-1] == MOST_SERVERS:
            bounds.append(place)
    if names:
        bounds.append(len(names))
    return np.array(bounds, np.int64)


def _begins(name: str) -> bool:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") % MEAN_SERVERS == 0

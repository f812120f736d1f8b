"""The grid of all kept servers, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hostcast.parts import Layout
from hostcast.telemetry.units import ColumnSums

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid:
    """Every step of every kept server from its first to its last observation.

    Attributes:
        layout: which steps these are.
        observed: each server's number of observed steps, (servers,).
        longest_gap: most steps in a row without an observation, (servers,).
        sums: statistics of each server's metrics.
        static: for each static column, each server's text.
    """

    layout: Layout
    observed: npt.NDArray[np.int64]
    longest_gap: npt.NDArray[np.int64]
    sums: ColumnSums
    static: Mapping[str, list[str]]

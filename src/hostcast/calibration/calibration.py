"""What was learned of a model's intervals: the contract that is shipped with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.calibration.pairs import pairs_of

__all__ = ["COVERAGES", "Calibration"]

Floats = npt.NDArray[np.float64]

# dense where intervals are asked for; what lies beyond the last is too rare to be known
COVERAGES = (*(round(0.025 * step, 3) for step in range(1, 40)), 0.985, 0.99, 0.995)


@dataclass(frozen=True)
class Calibration:
    """Corrections of a model's intervals, see `hostcast.calibration.scores`.

    A correction is the sum of one for the step ahead, the same on all servers, and one for the server, which
    depends on the coverage that is asked for.

    Attributes:
        levels: of the model's quantiles, rising.
        targets: in the order of the model's output.
        steps: (horizon, targets, pairs), by step ahead; pairs as `pairs_of` orders them.
        fleet: (targets, pairs, coverages), of a server that nothing is known of, at each of `COVERAGES`.
        servers: of the servers with scores, in the order of `by_server`.
        by_server: (servers, targets, pairs, coverages), like `fleet`.
        until: server -> the last instant that the scores were taken from; adapting begins after it.
        scores: (targets,), how many values were scored.
    """

    levels: list[float]
    targets: list[str]
    steps: Floats
    fleet: Floats
    servers: list[str]
    by_server: Floats
    until: dict[str, pd.Timestamp]
    scores: npt.NDArray[np.int64]

    @property
    def nominal(self) -> Floats:
        """(pairs,), the coverage that each pair of levels promises."""
        return np.array([pair.nominal for pair in pairs_of(self.levels)])

    def corrections(self, servers: Sequence[str], coverages: Floats) -> Floats:
        """Corrections of windows, (windows, horizon, targets, pairs).

        Args:
            servers: (windows,), each window's; any that is not known gets the fleet's.
            coverages: (windows, targets, pairs), what each interval is asked to hold.
        """
        places = np.array([self._places.get(server, len(self.servers)) for server in servers])
        return self.steps[None] + _between(self._tables, places, coverages)[:, None]

    def start_after(self, server: str) -> pd.Timestamp:
        """The instant up to which a server's observations were used here; a new server's is the latest."""
        return self.until[server] if server in self.until else max(self.until.values())

    @cached_property
    def _tables(self) -> Floats:
        """Of each known server, and of any other last."""
        return np.concatenate([self.by_server, self.fleet[None]])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {server: place for place, server in enumerate(self.servers)}


def _between(tables: Floats, places: npt.NDArray[np.int64], coverages: Floats) -> Floats:
    """Tables (servers, targets, pairs, coverages) read at (windows, targets, pairs), linearly in between."""
    known = np.array(COVERAGES)
    asked = np.clip(coverages, known[0], known[-1])
    above = np.clip(np.searchsorted(known, asked), 1, len(known) - 1)
    share = (asked - known[above - 1]) / (known[above] - known[above - 1])
    target, pair = np.ogrid[: tables.shape[1], : tables.shape[2]]
    at = places[:, None, None]
    low, high = tables[at, target, pair, above - 1], tables[at, target, pair, above]
    return np.asarray(low + share * (high - low))

"""Which training windows an epoch sees, from the seed and the epoch's number alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from hostcast.windows.scrambling import scrambled

__all__ = ["EpochSampler"]

# more windows than these are not shuffled in memory
MOST_SHUFFLED = 1 << 23


class EpochSampler(Sampler[int]):
    """Draw windows without replacement until all have been seen, then shuffle anew.

    The order is a function of (seed, epoch), whatever the number of workers and wherever a run was
    interrupted.

    Args:
        windows: number of windows to draw from.
        per_epoch: windows per epoch; None = all.
        seed: the run's seed.
    """

    def __init__(self, windows: int, per_epoch: int | None, seed: int) -> None:
        self.windows = windows
        self.per_epoch = windows if per_epoch is None else per_epoch
        self.seed = seed
        self.epoch = 0
        self._round = -1
        self._order: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.per_epoch

    def __iter__(self) -> Iterator[int]:
        yield from self.order().tolist()

    def order(self) -> npt.NDArray[np.int64]:
        """The epoch's windows."""
        start, end = self.epoch * self.per_epoch, (self.epoch + 1) * self.per_epoch
        parts = []
        while start < end:
            round_, offset = divmod(start, self.windows)
            parts.append(self._drawn(round_, offset, min(self.windows, offset + end - start)))
            start += len(parts[-1])
        return np.concatenate(parts)

    def _drawn(self, round_: int, first: int, last: int) -> npt.NDArray[np.int64]:
        if self.windows > MOST_SHUFFLED:
            return scrambled(np.arange(first, last), self.windows, [self.seed, round_])
        # epochs may be far shorter than a round: one shuffle serves many
        if self._round != round_:
            self._round = round_
            self._order = np.random.default_rng([self.seed, round_]).permutation(self.windows)
        return self._order[first:last]

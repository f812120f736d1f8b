"""Which training windows an epoch sees, from the seed and the epoch's number alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

__all__ = ["EpochSampler"]


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

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.per_epoch

    def __iter__(self) -> Iterator[int]:
        start = self.epoch * self.per_epoch
        while start < (self.epoch + 1) * self.per_epoch:
            round_, offset = divmod(start, self.windows)
            order = np.random.default_rng([self.seed, round_]).permutation(self.windows)
            taken = order[offset : offset + (self.epoch + 1) * self.per_epoch - start]
            yield from taken.tolist()
            start += len(taken)

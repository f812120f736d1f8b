"""A shuffle of any size of which no more is computed than is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["scrambled"]

ROUNDS = 6
_MIX = np.uint64(0x9E3779B97F4A7C15)


def scrambled(places: npt.NDArray[np.int64], count: int, seed: Sequence[int]) -> npt.NDArray[np.int64]:
    """Where some places go in a shuffle of the numbers 0 to count - 1; each goes to one of its own.

    A Feistel network permutes the numbers of an even count of bits; those that leave the range are sent
    through it again until they are back (Black and Rogaway, 2002, "Ciphers with arbitrary finite domains").
    """
    half = np.uint64(max(1, -(-(count - 1).bit_length() // 2)))
    keys = np.random.default_rng(seed).integers(0, 2**64, ROUNDS, np.uint64)
    moved = _once(places.astype(np.uint64), half, keys)
    outside = np.flatnonzero(moved >= count)
    while len(outside):
        moved[outside] = _once(moved[outside], half, keys)
        outside = outside[moved[outside] >= count]
    return moved.astype(np.int64)


def _once(
    numbers: npt.NDArray[np.uint64], half: np.uint64, keys: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = numbers >> half, numbers & mask
    for key in keys:
        mixed = (right ^ key) * _MIX
        mixed ^= mixed >> np.uint64(32)
        mixed *= _MIX
        left, right = right, left ^ ((mixed >> np.uint64(29)) & mask)
    return (left << half) | right

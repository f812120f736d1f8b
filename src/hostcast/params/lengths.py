"""Lengths of time in params, such as 5min."""

from __future__ import annotations

import pandas as pd

__all__ = ["length_of"]


def length_of(value: str) -> pd.Timedelta:
    """The length that a text stands for.

    Raises:
        ValueError: it is no fixed length, or not longer than zero.
    """
    try:
        length = pd.Timedelta(1 * pd.tseries.frequencies.to_offset(value).nanos, unit="ns")
    except (ValueError, TypeError):
        raise ValueError(f"{value!r} is no fixed length of time; write e.g. 5min, 30s, 1h") from None
    if length <= pd.Timedelta(0):
        raise ValueError("must be longer than zero")
    return length

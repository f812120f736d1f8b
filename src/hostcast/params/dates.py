"""Dates in params: read strictly, shown in one format."""

from __future__ import annotations

import datetime as dt
import re

import pandas as pd

__all__ = ["a_start", "an_instant", "share_or_date", "shown_instant"]

# the calendar of a simulated fleet counts from 1970, and timestamps must stay readable
_START_YEARS = (1971, 2200)


def share_or_date(value: object) -> object:
    """YAML reads 2025-01-20 as a date, a quoted one as text: both mean the same instant, in UTC."""
    if isinstance(value, (dt.date, dt.datetime, str)):
        try:
            return _in_utc(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is neither a share between 0 and 1 nor a date such as 2025-01-20"
            ) from None
    return value


def an_instant(value: object) -> object:
    """A date, as YAML's own type or quoted, as an instant in UTC; anything else is left to the schema."""
    if isinstance(value, (dt.date, dt.datetime, str)):
        try:
            return _in_utc(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a date; write e.g. 2025-01-20") from None
    return value


def a_start(value: str) -> str:
    """The first day of a simulation, as written.

    Raises:
        ValueError: it is no date, or lies where a fleet can't be simulated.
    """
    try:
        year = _instant(value).year
    except ValueError:
        raise ValueError(f"{value!r} is not a date; write e.g. 2025-01-06") from None
    first, last = _START_YEARS
    if not first <= year <= last:
        raise ValueError(f"must be a date of the years {first} to {last}")
    return value


def shown_instant(value: pd.Timestamp | str) -> str:
    """An instant as messages show it, e.g. 2025-01-20 00:00 UTC."""
    instant = pd.Timestamp(value)
    instant = instant.tz_localize("UTC") if instant.tz is None else instant.tz_convert("UTC")
    return f"{instant:%Y-%m-%d %H:%M:%S}".removesuffix(":00") + " UTC"


def _in_utc(value: dt.date | str) -> str:
    instant = _instant(value)
    return (instant.tz_localize("UTC") if instant.tz is None else instant.tz_convert("UTC")).isoformat()


def _instant(value: dt.date | str) -> pd.Timestamp:
    # pandas also reads "now", "5" or "", which mean something else each day or nothing
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d", value):
        raise ValueError(f"{value!r} does not begin with a date")
    return pd.Timestamp(value)

"""What to say where a part of a split has no window."""

from __future__ import annotations

from collections.abc import Sequence

from hostcast.params import SplitParams
from hostcast.splitting.spans import Part, Span

__all__ = ["no_windows", "room"]

# a fold's own words: what its test span is for is the fold's validation
_IN_FOLDS = {"train": "training", "validation": "choosing", "test": "scored"}


def no_windows(part: Part, spans: Sequence[Span], split: SplitParams, fold: int | None) -> str:
    """The problem, in numbers of the server with the longest history.

    Args:
        part: which has none.
        spans: of all servers.
        split: the params of the stage.
        fold: its number, from 1; None = the whole.
    """
    # one that is held out has no rows in a part to speak of
    longest = max(spans, key=lambda span: (span.validation_end > 0, span.rows))
    low, high = longest.range_of(part)
    need = (
        f"at least {split.min_encoder_length} steps of history and {split.horizon} of horizon"
        if part == "train"
        else f"at least {split.horizon} steps of horizon, after {split.min_encoder_length} of history"
    )
    where, name = ("", part) if fold is None else (f"in fold {fold} ", _IN_FOLDS[part])
    return (
        f"{where}there is no {name} window: the longest server ({longest.server!r}) has {longest.rows} "
        f"steps, {high - low} of them in the {name} span; a window takes {need}"
    )


def room(part: Part, split: SplitParams, fold: int | None) -> str:
    """The remedy."""
    if fold is not None:
        return _room_in_fold(part, split)
    # what gives the part more steps: its own share, or room taken from its neighbour
    ways = {
        "train": [("validation_split", "lower"), ("test_split", "lower")],
        "validation": [("validation_split", "raise"), ("test_split", "lower")],
        "test": [("test_split", "raise")],
    }[part]
    changes = " or ".join(
        f"choose another date for split.{key}"
        if isinstance(getattr(split, key), str)
        else f"{way} split.{key}"
        for key, way in ways
    )
    lower = "split.horizon or split.min_encoder_length"
    if split.embargo and part != "test":
        lower = "split.embargo, split.horizon or split.min_encoder_length"
    return f"bring more history, lower {lower}, or {changes}"


def _room_in_fold(part: Part, split: SplitParams) -> str:
    period = "lower split.folds.period" if part == "train" else "raise split.folds.period"
    lower = "split.folds.count" + (" or split.embargo" if split.embargo and part == "train" else "")
    if split.folds.period is None and part == "train":
        period = "set a shorter split.folds.period"
    return f"bring more history, lower {lower}, or {period}"

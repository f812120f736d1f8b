"""What the numbers say, in plain sentences."""

from __future__ import annotations

import math

import pandas as pd

__all__ = [
    "calibration_sentence",
    "calibration_verdict",
    "counted",
    "duration",
    "floor_sentence",
    "trust_sentence",
    "verdict",
]

# smaller differences are within the noise of one training run
_NOTABLE_SKILL = 0.005
_NOTABLE_COVERAGE = 0.03
_NBSP = "\N{NO-BREAK SPACE}"


def duration(length: pd.Timedelta) -> str:
    """E.g. `8 hours`, `5 minutes`, `7 days`."""
    seconds = length.total_seconds()
    for name, size in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= size and not (name == "day" and seconds < 2 * size):
            return _count(seconds / size, name)
    return _count(seconds, "second")


def counted(number: int, name: str) -> str:
    """E.g. `1 server`, `1,200 servers`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def verdict(skill: float, rival: str) -> tuple[str, str]:
    """Tone (good, even, bad) and the one sentence about the model against `rival`, e.g. a baseline's name."""
    if skill == -math.inf:
        return "bad", f"Worse than {rival}: the baseline is exact. Do not use this model."
    if not math.isfinite(skill):
        return "even", f"The forecasts can't be compared with {rival}."
    percent = _percent(abs(skill))
    if skill >= _NOTABLE_SKILL:
        return "good", f"On average {percent} better than {rival}."
    if skill <= -_NOTABLE_SKILL:
        return "bad", f"On average {percent} worse than {rival}. Do not use this model."
    return "even", f"On average no better than {rival}."


def calibration_verdict(cover80: float) -> str:
    """Two or three words about the honesty of the 80 % band."""
    if not math.isfinite(cover80):
        return "unknown"
    if cover80 < 0.8 - _NOTABLE_COVERAGE:
        return "too sure of itself"
    return "too cautious" if cover80 > 0.8 + _NOTABLE_COVERAGE else "about right"


def calibration_sentence(cover80: float) -> str:
    """What the coverage of the 80 % band means for someone who relies on it."""
    if not math.isfinite(cover80):
        return "There are too few observed values to tell how honest the bands are."
    seen = f"Of 100 values, 80 should fall into the 80{_NBSP}% band; {100 * cover80:.0f} did."
    return {
        "too sure of itself": f"{seen} The model is too sure of itself: leave more room than its bands show.",
        "too cautious": f"{seen} The model is too cautious: its bands are wider than they need to be.",
        "about right": f"{seen} The bands mean what they say.",
    }[calibration_verdict(cover80)]


def trust_sentence(pairs: pd.DataFrame) -> str:
    """On how many servers and metrics a simple rule does better."""
    known = pairs["skill"].dropna()
    worse = int((known < 0).sum())
    if known.empty:
        return "No server and metric can be compared with the baselines."
    if len(known) == 1:
        does = "the better of the two baselines does better than the model"
        beaten = "the model beats the better of the two baselines"
        return f"There is one pair of a server and a metric: on it {does if worse else beaten}."
    whole = f"{len(known):,} pairs of a server and a metric"
    if not worse:
        return f"On all of the {whole} the model beats the better of the two baselines."
    return f"On {worse:,} of the {whole} the better of the two baselines does better than the model."


def floor_sentence(own: float, rival: float, floor: float) -> str:
    """How much of what can be known the model knows, from three wQL."""
    text = (
        f"The data was simulated, so the best possible forecast is known: its wQL is {floor:.4f}, "
        "and that much error is pure chance."
    )
    gap = rival - floor
    if not math.isfinite(gap) or gap <= 0:
        return text
    closed = (rival - own) / gap
    if closed <= 0:
        return f"{text} The model is no closer to it than the best baseline."
    return f"{text} The model closes {_percent(closed)} of the gap between the best baseline and that limit."


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f}{_NBSP}%" if percent < 10 else f"{percent:.0f}{_NBSP}%"


def _count(number: float, name: str) -> str:
    return f"{number:g} {name}" if number == 1 else f"{number:.4g} {name}s"

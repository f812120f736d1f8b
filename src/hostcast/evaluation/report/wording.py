"""What the numbers say, in plain sentences."""

from __future__ import annotations

import math

import pandas as pd

__all__ = [
    "MEANINGS",
    "calibration_sentence",
    "calibration_verdict",
    "certainty_sentence",
    "counted",
    "duration",
    "floor_sentence",
    "phrases",
    "trust_sentence",
    "verdict",
]

# smaller differences are within the noise of one training run
_NOTABLE_SKILL = 0.005
_NOTABLE_COVERAGE = 0.03
_NBSP = "\N{NO-BREAK SPACE}"

MEANINGS = {
    "last_value": "the last observed value carried on",
    "seasonal_naive": "what was seen {season} before repeated",
    "theta": "a level that follows the values, half of their trend and their pattern of {season}",
    "lightgbm": "trees that were learned from all servers, fed with recent values, those of {season} "
    "and a week before, and the calendar",
}


def phrases(season: str) -> dict[str, str]:
    """How a sentence names each baseline."""
    return {
        "last_value": "carrying the last value forward",
        "seasonal_naive": f"repeating what was seen {season} before",
        "theta": "the Theta method",
        "lightgbm": "gradient boosting (LightGBM)",
    }


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


def certainty_sentence(low: float, high: float) -> str:
    """Whether the difference to the best baseline may be chance, from the interval of the skill."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    span = f"between {_signed(-high)} and {_signed(-low)}"
    text = f"With other servers and days, the model's error might differ from the best baseline's by {span}"
    if low > 0 or high < 0:
        return f"{text} (95{_NBSP}% interval)."
    return f"{text} (95{_NBSP}% interval): which of the two is better may be chance."


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
        does = "the best baseline does better than the model"
        beaten = "the model beats the best baseline"
        return f"There is one pair of a server and a metric: on it {does if worse else beaten}."
    whole = f"{len(known):,} pairs of a server and a metric"
    if not worse:
        return f"On all of the {whole} the model beats the best of the baselines there."
    return f"On {worse:,} of the {whole} the best of the baselines there does better than the model."


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


def _signed(change: float) -> str:
    return f"{100 * change:+.1f}{_NBSP}%".replace("-", "−")


def _count(number: float, name: str) -> str:
    return f"{number:g} {name}" if number == 1 else f"{number:.4g} {name}s"

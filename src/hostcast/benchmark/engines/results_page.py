"""All measurements as one table."""

from __future__ import annotations

from collections.abc import Iterable

from hostcast.benchmark.engines.plan import TIME_TO_QUALITY
from hostcast.benchmark.engines.results import Result, Role
from hostcast.benchmark.markdown import table

__all__ = ["TITLES", "render_results"]

TITLES = {
    "loader": "loading",
    "step": "training step",
    "train": "training, end to end",
    "predict": "forecasting",
    TIME_TO_QUALITY: "time to quality",
}


def render_results(results: Iterable[Result]) -> str:
    """Markdown: a row for each measurement, and how to read it."""
    shown = list(results)
    return f"{_measurements(shown)}\n\n{_legend(shown)}"


def _measurements(results: Iterable[Result]) -> str:
    rows = []
    for result in results:
        shares = result.share_of_floor
        rows.append(
            [
                f"`{result.shape}`",
                TITLES[result.measurement],
                _shown(result, "reference"),
                _shown(result, "fused"),
                _ratio(result),
                "" if shares is None else f"{100 * shares['reference']:.1f} %, {100 * shares['fused']:.1f} %",
            ]
        )
    return table(["Shape", "What", "reference", "fused", "Ratio", "Share of the floor's speed"], rows)


def _legend(results: Iterable[Result]) -> str:
    repeats = sorted({result.repeats for result in results if result.reached is None})
    seeds = sorted({result.repeats for result in results if result.reached is not None})
    said = []
    if repeats:
        said.append(
            f"Windows per second, median (smallest to largest) of {_span(repeats, 'repeat')}; the ratio is "
            "taken within each repeat, above 1 is better."
        )
    if seeds:
        said.append(
            f"Time to quality is in seconds, less is better: median (smallest to largest) of "
            f"{_span(seeds, 'seed')}; the ratio is taken within each seed."
        )
    return " ".join(said)


def _span(numbers: list[int], what: str) -> str:
    least, most = numbers[0], numbers[-1]
    count = str(most) if least == most else f"{least} to {most}"
    return f"{count} {what}{'' if most == 1 else 's'}"


def _shown(result: Result, role: Role) -> str:
    spread, digits = result.spread(role), 1 if result.unit == "s" else 0
    reached = result.repeats if result.reached is None else result.reached[role]
    if spread is None:
        return f"not reached with any of {_span([result.repeats], 'seed')}"
    shown = f"{spread.median:,.{digits}f}"
    if reached > 1:
        shown += f" ({spread.low:,.{digits}f} to {spread.high:,.{digits}f})"
    if reached < result.repeats:
        shown += f", reached with {reached} of {result.repeats} seeds"
    return shown


def _ratio(result: Result) -> str:
    ratio = result.ratio
    if ratio is None:
        return "none: not always reached"
    return f"**{ratio.median:.1f}x**" + (
        f" ({ratio.low:.1f} to {ratio.high:.1f})" if result.repeats > 1 else ""
    )

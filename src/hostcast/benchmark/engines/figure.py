"""The ratios as a picture."""

from __future__ import annotations

from hostcast.benchmark.engines.results import engine_results
from hostcast.benchmark.engines.results_page import TITLES
from hostcast.benchmark.engines.run import EngineRuns
from hostcast.drawing import INK, MUTED, SERIES_COLOURS, drawing, svg_of

__all__ = ["draw_ratios"]


def draw_ratios(done: EngineRuns) -> str:
    """SVG: how many times faster the fused engine is, the median as a bar and the range of the repeats."""
    shown = [(result, result.ratio) for result in engine_results(done) if result.ratio is not None]
    with drawing(0.9 + 0.28 * max(len(shown), 1)) as figure:
        axes = figure.add_subplot()
        places = list(range(len(shown)))[::-1]
        medians = [ratio.median for _, ratio in shown]
        below = [ratio.median - ratio.low for _, ratio in shown]
        above = [ratio.high - ratio.median for _, ratio in shown]
        # from 1, where both are as fast
        lengths = [median - 1 for median in medians]
        axes.barh(places, lengths, left=1, height=0.62, color=SERIES_COLOURS[0])
        axes.errorbar(medians, places, xerr=[below, above], fmt="none", ecolor=INK, elinewidth=1, capsize=2)
        for place, (_, ratio) in zip(places, shown, strict=True):
            axes.annotate(
                f"{ratio.median:.1f}x",
                (ratio.high, place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(places, [f"{result.shape}: {TITLES[result.measurement]}" for result, _ in shown])
        axes.axvline(1.0, color=MUTED, linewidth=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}x")
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.15)
        machine = done.facts["machine"]
        axes.set_title(
            f"Times faster than the reference engine, on {machine.get('gpu', machine['processor'])}"
        )
        return svg_of(figure)

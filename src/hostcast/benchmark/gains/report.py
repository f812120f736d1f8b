"""The benchmark in words and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from hostcast.benchmark.gains.checks import MIXED_PRECISION_TOLERANCE
from hostcast.benchmark.gains.comparison import Change, chance_of_a_false_finding
from hostcast.benchmark.gains.configurations import BASELINE, EPOCHS, MATRIX
from hostcast.benchmark.gains.run import GainsResult
from hostcast.benchmark.gains.workload import SERVERS
from hostcast.benchmark.markdown import bullets, table
from hostcast.benchmark.spread import spread_of

__all__ = ["render_gains"]


def render_gains(result: GainsResult) -> str:
    """Markdown: the matrix, the single improvements, the claims beside what was measured, the checks, and how
    it was done."""
    others = [one.name for one in result.configurations if one.name not in MATRIX]
    sections = [
        "## The founding document's improvements",
        _introduction(result),
        "### The matrix: baseline, workers, mixed_precision, all",
        _measured(result, MATRIX),
        "### The other improvements, each alone, and everything with the engine `fused`",
        _measured(result, [BASELINE, *others]),
        _legend(result),
        "### Expected and measured gains",
        _claims(result),
        _reading(result),
        "### Checks",
        _checks(result),
        "### How it was measured",
        _method(result),
    ]
    return "\n\n".join(sections)


def _introduction(result: GainsResult) -> str:
    runs = result.runs
    return (
        f"{len(runs)} runs on {' and '.join(runs['device'].unique())} "
        f"({runs['threads'].max()} compute threads, torch {torch.__version__}, "
        f"engines {' and '.join(runs['engine'].unique())}). "
        "`baseline` is the founding document's own: pytorch-forecasting's model and loader, fp32, "
        f"no workers, one target ({result.target}), "
        "no checkpoints, no TensorBoard, a constant learning rate. Every other configuration changes "
        "what its name says; `all` changes everything at once, and `all_fused` the engine too."
    )


def _measured(result: GainsResult, names: Sequence[str]) -> str:
    gpu = result.memory == "peak_gpu_memory_mib"
    columns: list[tuple[str, str, Callable[[float], str]]] = [
        ("Training, windows/s", "windows_per_second", lambda value: f"{value:,.0f}"),
        ("Epoch, s", "epoch_seconds", lambda value: f"{value:.2f}"),
        ("Peak memory, MiB", "peak_memory_mib", lambda value: f"{value:,.0f}"),
        *([("Peak GPU memory, MiB", "peak_gpu_memory_mib", lambda value: f"{value:,.1f}")] if gpu else []),
        ("Validation loss", "validation_loss", lambda value: f"{value:.4f}"),
    ]
    rows = []
    for name in names:
        runs = result.runs[result.runs["configuration"] == name]
        cells = []
        for _, column, show in columns:
            spread = spread_of(runs[column])
            cells.append(f"{show(spread.median)} ({show(spread.low)} to {show(spread.high)})")
        rows.append([f"`{name}`", *cells])
    return table(["Configuration", *(title for title, _, _ in columns)], rows)


def _legend(result: GainsResult) -> str:
    return (
        f"Median of {result.params.benchmark.repeats} runs (smallest to largest). An epoch is training and "
        "validation with logs and checkpoints; windows/s counts the training batches alone. Peak memory is "
        "that of the training process, libraries included, plus what its worker processes don't share with "
        f"it. The validation loss is the wQL of {result.target} on the same {result.validation_windows} "
        "windows everywhere; the repeats differ in their seed."
    )


def _claims(result: GainsResult) -> str:
    rows = []
    for gain in result.gains:
        row = [f"{gain.claim.title} (`{gain.name}`)"]
        for claimed, measured in (
            (gain.claim.time, gain.time),
            (gain.claim.memory, gain.memory),
            (gain.claim.quality, gain.quality),
        ):
            row += [f"{100 * claimed:+.0f} %" if claimed else "0 %", _finding(measured)]
        rows.append(row)
    titles = ["Improvement"]
    for subject in ("Time", "Memory", "Quality"):
        titles += [f"{subject}, expected", f"{subject}, measured"]
    return table(titles, rows)


def _finding(change: Change) -> str:
    if change.exactly_none:
        return "0 %, to the last bit"
    numbers = f"{_percent(change.median)} ({_percent(change.low)} to {_percent(change.high)})"
    if change.repeats == 1:
        return f"{_percent(change.median)}; a single run has no spread"
    return numbers if change.distinguishable else f"{numbers}, not distinguishable from noise"


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _reading(result: GainsResult) -> str:
    budget, repeats = result.params.benchmark, result.params.benchmark.repeats
    here = budget.batches * budget.batch_size
    lines = [
        "Changes are against the baseline's run of the same repeat: median (smallest to largest). Time is "
        "seconds per epoch; memory is "
        + ("the GPU's" if result.memory == "peak_gpu_memory_mib" else "the processes', libraries included")
        + "; quality is by how much the validation loss is lower, positive is better.",
        '"Not distinguishable from noise": the repeats don\'t all point the same way. Pure noise would '
        f"point the same way in all {repeats} repeats in {100 * chance_of_a_false_finding(repeats):.0f} % of "
        "such comparisons, so a small change that passes is a hint, not a finding.",
        f"**Quality after {EPOCHS * budget.batches} training steps says little about quality after a whole "
        "training.** It is here to show that nothing broke; `evaluate` measures quality.",
        f"An epoch has just {here:,} training windows here. Checkpoints and TensorBoard's images cost the "
        "same for each epoch, however long it is: they weigh more here than in a real training.",
    ]
    return bullets(lines)


def _checks(result: GainsResult) -> str:
    same = ", ".join(f"`{one.name}`" for one in result.configurations if one.same_loss)
    deviation = result.mixed_precision_deviation
    within = deviation <= MIXED_PRECISION_TOLERANCE
    verdict = "passed" if within else "**FAILED**: don't trust this precision with this model"
    return bullets(
        [
            f"{same}: validation loss bit-identical to the baseline's in every repeat: passed (the benchmark "
            "stops if it is not).",
            f"`mixed_precision` ({result.params.benchmark.precision}): validation loss within "
            f"{100 * MIXED_PRECISION_TOLERANCE:.0f} % of the baseline's in every repeat: {verdict} "
            f"(largest deviation {100 * deviation:.2f} %).",
        ]
    )


def _method(result: GainsResult) -> str:
    params = result.params
    budget, repeats = params.benchmark, params.benchmark.repeats
    return bullets(
        [
            f"Each run trains a fresh network for {EPOCHS} epochs of {budget.batches} batches of "
            f"{budget.batch_size} windows, in a process of its own. "
            "The first epoch starts the workers and does what is done only once; the second is timed. "
            "Imports and reading the data are not.",
            f"The configurations take turns, {repeats} times. In repeat r all of them use the seed "
            f"{params.base.random_seed} + r (r from 0): same initial weights where the shapes allow it, same "
            "windows in the same order.",
            f"The windows are the latest training windows of at most {SERVERS} servers, drawn by the seed, "
            "and windows spread evenly over the same servers' validation span; scales are fitted on the "
            "whole training span.",
            f"`workers`: loading processes ({budget.num_workers}), kept between epochs, pinned memory on a "
            "GPU. `checkpointing`: the best, the last and the resume point. `tensorboard`: curves, learning "
            f"rate and forecast images. `lr_scheduling`: cosine with warm-up. `multi_target`: "
            f"{', '.join(params.base.target_metrics)}; without it the others stay inputs.",
        ]
    )

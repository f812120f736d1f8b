"""The engines side by side, in words and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hostcast.benchmark.commit import Commit
from hostcast.benchmark.engines.agreement import TOLERANCES
from hostcast.benchmark.engines.floor import HOW
from hostcast.benchmark.engines.quality_page import quality_method, render_quality
from hostcast.benchmark.engines.results import Result, engine_results
from hostcast.benchmark.engines.results_page import TITLES, render_results
from hostcast.benchmark.engines.run import EngineRuns
from hostcast.benchmark.engines.shapes import Shape
from hostcast.benchmark.markdown import bullets, table

__all__ = ["render_engines"]


def render_engines(done: EngineRuns, commit: Commit | None = None) -> str:
    """Markdown: machine and command, the measurements, memory, agreement, the floor and how it was done.

    Args:
        done: what was measured.
        commit: of the code that was, where it is to be named.
    """
    results = engine_results(done)
    speeds = [result for result in results if result.unit == "windows/s"]
    parts = [
        "## The engines side by side",
        _machine(done.facts, commit),
        render_results(results),
    ]
    if speeds:
        parts += ["### Memory and what is not counted", _costs(speeds), _reading_of_costs()]
    if done.memory is not None:
        parts.append(_many_rows(done))
    if done.quality:
        parts += ["### Time to quality", render_quality(done)]
    if done.left_out:
        missing = (f"No time to quality on `{name}`: {why}." for name, why in done.left_out.items())
        parts.append(bullets(missing))
    if done.failures:
        parts.append(bullets(f"**`{name}` failed**: {why}" for name, why in done.failures.items()))
    if done.agreements:
        parts += ["### Both compute the same", _agreement(done)]
    parts += ["### The floor", _floor(done), "### How the engines were measured", _method(done)]
    return "\n\n".join(parts)


def _machine(facts: dict[str, Any], commit: Commit | None) -> str:
    machine, versions = facts["machine"], facts["versions"]
    gpu = f"{machine['gpu']} ({machine['gpu_memory_gib']:.0f} GiB), " if "gpu" in machine else ""
    return (
        f"`{facts['command']}` on {gpu}{machine['processor']}, {machine['cores']} cores, "
        f"{machine['threads']} compute threads, {machine['memory_gib']:.0f} GiB. "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + "."
        + ("" if commit is None else f" Commit {commit.commit}{', with changes' if commit.dirty else ''}.")
    )


def _costs(results: Iterable[Result]) -> str:
    rows = []
    for result in results:
        assert result.memory is not None
        assert result.warm_up_seconds is not None
        assert result.setup_seconds is not None
        row = [f"`{result.shape}`", TITLES[result.measurement], str(result.workers)]
        for role in ("reference", "fused"):
            kinds = result.memory[role]
            gpu = f" + {kinds['gpu']:,.0f} GPU" if "gpu" in kinds else ""
            row += [
                f"{kinds['rss']:,.0f}{gpu}",
                f"{result.setup_seconds[role]:.1f}",
                f"{result.warm_up_seconds[role]:.1f}",
            ]
        rows.append(row)
    titles = ["Shape", "What", "Workers of reference"]
    for role in ("reference", "fused"):
        titles += [f"{role}: peak MiB", "set-up, s", "warm-up, s"]
    return table(titles, rows)


def _reading_of_costs() -> str:
    return (
        "Memory is the peak of the process in the first repeat, libraries included, with what its loading "
        "processes don't share with it; what is measured first may leave memory behind that is counted with "
        "what comes later. Set-up is from the features table to the loader; warm-up is what came before "
        "counting."
    )


def _many_rows(done: EngineRuns) -> str:
    memory = done.memory
    assert memory is not None
    own = memory.peak_mib - memory.before_mib
    verdict = "within" if memory.peak_mib <= memory.limit_mib else "**over**"
    return (
        f"Data and loader on {memory.rows:,} rows of {memory.columns} numbers ({memory.float32_mib:,.0f} "
        f"MiB in fp32), fused, in a process of its own: {memory.peak_mib:,.0f} MiB at most, libraries "
        f"included, {verdict} the {memory.limit_mib:,.0f} MiB that are 1.5 times the numbers and 1 GiB; "
        f"{own:,.0f} MiB more than before any data; first batch after {memory.setup_seconds:.1f} s."
    )


def _agreement(done: EngineRuns) -> str:
    rows = [
        [f"`{one.shape}`", str(one.windows), *(f"{getattr(one, name):.1e}" for name in TOLERANCES)]
        for one in done.agreements
    ]
    titles = [
        f"{name.replace('_', ' ').capitalize()} (at most {limit:g})" for name, limit in TOLERANCES.items()
    ]
    return (
        table(["Shape", "Windows", *titles], rows)
        + "\n\nLargest difference as a share of the largest value, in fp32, with the same weights on the "
        "same windows. Where one is too large, nothing is measured and the benchmark fails."
    )


def _floor(done: EngineRuns) -> str:
    ceilings = done.ceilings
    arithmetic = ", ".join(
        f"{speed / 1e12:.2f} TFLOP/s ({name})" for name, speed in ceilings.operations_per_second.items()
    )
    return (
        f"Ceilings, the best of several times in the same run: {arithmetic} in a product of two "
        f"{ceilings.matrix} x {ceilings.matrix} matrices; {ceilings.bytes_per_second / 1e9:,.0f} GB/s, read "
        f"and written, in a copy of {ceilings.copied_mib} MiB. {HOW}"
    )


def _method(done: EngineRuns) -> str:
    plan = done.plan
    lines = [
        "Each engine has a process of its own at each shape, where data set, loader and model are made as in "
        "the stage train. The engines take turns, and who begins changes with each repeat. Counting begins "
        f"once warm and lasts at least {plan.seconds:g} s; the device is waited for at both ends only.",
        "Loading: batches are loaded, moved to the device and unpacked. Training step: Lightning's loop on "
        "batches that are on the device already. Training, end to end: Lightning's loop from the loader to "
        "the optimiser, without validation, checkpoints and logs. Forecasting: from the loader to quantiles "
        "in the targets' units, in the processor's memory; one forecast of each of many servers.",
        "The reference engine loads with as many processes as it is fastest with: 0, 1, 2, 4, ... up to the "
        "number of cores are tried for loading, and the best of them against 0 for training, whose number "
        "forecasting takes too.",
        *(_sizes(shape, plan.device) for shape in done.shapes.values()),
    ]
    if done.quality:
        lines.append(quality_method(done))
    return bullets(lines)


def _sizes(shape: Shape, device: Any) -> str:
    return (
        f"`{shape.name}`: {shape.encoder_length} + {shape.horizon} steps, {shape.targets} targets, "
        f"{shape.known} known and {shape.observed} observed inputs, hidden {shape.hidden_size}, hidden "
        f"continuous {shape.hidden_continuous_size}, {shape.attention_heads} heads, {len(shape.quantiles)} "
        f"quantiles, batch {shape.batch_size}, {shape.precision(device)}; {shape.series} servers of "
        f"{shape.rows:,} rows, made from the seed; {shape.forecast_series:,} servers forecast in batches of "
        f"{shape.forecast_batch(device)} in fp32."
    )

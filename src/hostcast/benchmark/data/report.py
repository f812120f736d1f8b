"""The page about data."""

from __future__ import annotations

from pathlib import Path

from hostcast.benchmark.commit import Commit
from hostcast.benchmark.data.results import DataRuns
from hostcast.benchmark.spread import spread_of
from hostcast.files import write_json, write_text

__all__ = ["render_data", "write_data_results"]


def write_data_results(runs: DataRuns, path: Path, commit: Commit | None) -> None:
    """Write the results to keep: JSON, and a page of the same name.

    Args:
        runs: what was measured.
        path: of the JSON file.
        commit: of the code that was measured; None if nobody knows.
    """
    write_json(path, {"measured": None if commit is None else commit.to_dict(), **runs.to_dict()})
    write_text(path.with_suffix(".md"), f"# Benchmark of data\n\n{render_data(runs)}\n")


def render_data(runs: DataRuns) -> str:
    """The results in Markdown."""
    frame = runs.frame
    frame["rate"] = frame["rows"] / frame["seconds"] / 1e6
    lines = [
        "| Rows | By | prepare, s | featurize, s | split, s | Million rows/s, all three | Peak MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (rows, by), own in frame.groupby(["rows", "by"], sort=False):
        middle, rate, peak = own.median(numeric_only=True), spread_of(own["rate"]), own["peak_mib"].max()
        lines.append(
            f"| {rows:,} | {by} | {middle['prepare']:.2f} | {middle['featurize']:.2f} "
            f"| {middle['split']:.2f} | {rate.median:.2f} ({rate.low:.2f}-{rate.high:.2f}) | {peak:,.0f} |"
        )
    lines += [
        "",
        f"{runs.cores} cores; {runs.servers:,} servers, 6 metrics, Parquet files by time; the median of "
        f"{frame['repeat'].max()} repeats (smallest and largest), the largest peak.",
    ]
    if runs.exponent is not None:
        lines.append(
            f"Time grows with rows to the power of {runs.exponent:.2f}, and of {runs.last_exponent:.2f} "
            "between the two largest sizes."
        )
    if runs.speedup is not None:
        both = frame.loc[frame["by"] == "pandas", "rows"].iloc[0]
        lines.append(
            f"At {both:,} rows hostcast is {runs.speedup.median:.1f} times as fast as pandas "
            f"({runs.speedup.low:.1f}-{runs.speedup.high:.1f}), whose table, features and windows are the "
            "same to the bit in each repeat."
        )
    step = runs.training
    lines.append(
        f"Training on {step.rows:,} rows ({step.windows:,} windows): the first step is done after "
        f"{step.seconds:.1f} s, with a peak of {step.peak_mib:,.0f} MiB."
    )
    return "\n".join(lines)

"""The page about data."""

from __future__ import annotations

from pathlib import Path

from hostcast.benchmark.commit import Commit
from hostcast.benchmark.data.run import DataRuns
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
    lines = [
        "| Rows | By | prepare, s | featurize, s | split, s | Million rows/s, all three | Peak MiB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in runs.readings:
        rate = each.rows / each.seconds / 1e6
        lines.append(
            f"| {each.rows:,} | {each.by} | {each.prepare:.2f} | {each.featurize:.2f} | {each.split:.2f} "
            f"| {rate:.2f} | {each.peak_mib:,.0f} |"
        )
    lines += ["", f"{runs.cores} cores; 2,000 servers, 6 metrics, Parquet files by time; each size once."]
    if runs.exponent is not None:
        lines.append(f"Time grows with rows to the power of {runs.exponent:.2f}.")
    if runs.speedup is not None:
        lines.append(
            f"At 5 million rows hostcast is {runs.speedup:.1f} times as fast as pandas, whose table, "
            "features and windows are the same to the bit."
        )
    step = runs.training
    lines.append(
        f"Training on {step.rows:,} rows ({step.windows:,} windows): the first step is done after "
        f"{step.seconds:.1f} s, with a peak of {step.peak_mib:,.0f} MiB."
    )
    return "\n".join(lines)

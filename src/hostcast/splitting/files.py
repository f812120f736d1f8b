"""The files of a split."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from hostcast.files import read_json, write_json, write_parquet
from hostcast.splitting.spans import Span
from hostcast.splitting.split import Split

__all__ = ["fold_files", "read_split", "write_split"]

FOLDS = "folds"


def write_split(split: Split, split_path: Path, windows_path: Path) -> None:
    """Write split.json and the window index; those of folds into a folder of their own each, beside them."""
    write_json(split_path, split.report)
    write_parquet(windows_path, split.runs)
    # without DVC around it, folds of an earlier run may still be there
    shutil.rmtree(split_path.parent / FOLDS, ignore_errors=True)
    for number, fold in enumerate(split.folds, start=1):
        write_split(fold, *fold_files(number, split_path, windows_path))


def read_split(split_path: Path, windows_path: Path) -> Split:
    """Read what `write_split` wrote."""
    report = read_json(split_path)
    names = [known.name for known in fields(Span) if known.name != "first"]
    spans = [
        Span(first=pd.Timestamp(entry["first"]), **{name: entry[name] for name in names})
        for entry in report["servers"].values()
    ]
    runs = pq.read_table(windows_path).to_pandas()
    step = pd.Timedelta(report["freq_seconds"], unit="s")
    folds = [
        read_split(*fold_files(number, split_path, windows_path)) for number in range(1, report["folds"] + 1)
    ]
    return Split(spans, runs, report["horizon"], step, report, folds)


def fold_files(number: int, split_path: Path, windows_path: Path) -> tuple[Path, Path]:
    """Where split.json and the window index of a fold lie, counted from 1."""
    folder = split_path.parent / FOLDS / str(number)
    return folder / split_path.name, folder / windows_path.name

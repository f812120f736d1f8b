"""The split: spans, the cutoffs a window may end its history at, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from hostcast.errors import HostcastError
from hostcast.files import read_json, write_json, write_parquet
from hostcast.params import SplitParams
from hostcast.splitting.cutoffs import Cutoffs
from hostcast.splitting.spans import Span, spans_of

__all__ = [
    "Part",
    "ServerWindows",
    "Split",
    "make_split",
    "put_together",
    "read_split",
    "windows_of",
    "write_split",
]

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Cut-offs and window index of one data set.

    Attributes:
        spans: each server's boundaries.
        runs: the window index, columns part, server, first, last, step: a window may have its cutoff
            (the last row it may read) at rows first, first + step, ... last of the server's grid.
        horizon: steps forecast after a cutoff.
        step: length of one step.
        report: window counts and what was left out, for split.json.
    """

    spans: list[Span]
    runs: pd.DataFrame
    horizon: int
    step: pd.Timedelta
    report: dict[str, Any]

    def cutoffs(self, part: Part, *, stride: int = 1) -> pd.DataFrame:
        """All cutoffs of a part: columns server, position (row on the server's grid), cutoff (UTC).

        Args:
            part: train, validation or test.
            stride: take every stride-th cutoff, counted from each server's first.
        """
        return self.cutoff_runs(part, stride=stride).frame()

    def cutoff_runs(self, part: Part, *, stride: int = 1) -> Cutoffs:
        """The same, without a row for each."""
        runs = self.runs[self.runs["part"] == part]
        every = runs["step"].to_numpy("int64") * stride
        first = runs["first"].to_numpy("int64")
        starts = {span.server: span.first for span in self.spans}
        return Cutoffs(
            servers=runs["server"].to_numpy(object),
            first=first,
            every=every,
            counts=(runs["last"].to_numpy("int64") - first) // every + 1,
            starts=pd.DatetimeIndex([starts[server] for server in runs["server"]]),
            step=self.step,
        )

    def test_start(self) -> dict[str, pd.Timestamp]:
        """The first instant of each server's test span."""
        return {span.server: span.first + span.validation_end * self.step for span in self.spans}

    def span_times(self, part: Part) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        """Each server's first instant in the span of a part, and the first one after it."""
        times = {}
        for span in self.spans:
            low, high = _range(span, part)
            times[span.server] = (span.first + low * self.step, span.first + high * self.step)
        return times


def make_split(frame: pd.DataFrame, targets: list[str], split: SplitParams, step: pd.Timedelta) -> Split:
    """Place the boundaries and list the windows.

    A window's horizon lies wholly within its part; its history may reach back across the boundary.
    Training windows lie wholly within the training span.

    Args:
        frame: columns server, timestamp and the targets (NaN = missing), sorted, on a regular grid.
        targets: the columns to forecast.
        split: the params of the stage.
        step: length of one step.

    Raises:
        HostcastError: a part holds no window at all.
    """
    spans = spans_of(frame[["server", "timestamp"]], split, step)
    # counts, not shares: a sum of thirds would miss a limit by its rounding
    missing = frame[targets].isna().to_numpy().sum(axis=1)
    bounds = np.concatenate([[0], np.cumsum([span.rows for span in spans])])
    each = [
        windows_of(span, missing[low:high], len(targets), split)
        for span, low, high in zip(spans, bounds[:-1], bounds[1:], strict=True)
    ]
    return put_together(spans, each, split, step)


@dataclass(frozen=True)
class ServerWindows:
    """One server's windows.

    Attributes:
        runs: rows of the window index.
        counts: for split.json.
    """

    runs: list[dict[str, Any]]
    counts: dict[str, int]


def windows_of(span: Span, missing: npt.NDArray[np.int64], targets: int, split: SplitParams) -> ServerWindows:
    """List a server's windows.

    Args:
        span: its boundaries.
        missing: how many targets are missing at each of its rows.
        targets: number of targets.
        split: the params of the stage.
    """
    runs: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    whole = not missing.any()
    for part in PARTS:
        possible = _possible(span, part, split)
        stride = possible.step
        # every test cutoff is forecast; what is missing there is not scored
        if part == "test" or whole:
            usable, found = len(possible), [(possible[0], possible[-1])] if possible else []
        else:
            cutoffs = _observed(np.asarray(possible, np.int64), missing, targets, split)
            usable, found = len(cutoffs), _runs(cutoffs, stride)
        counts[f"{part}_windows"] = usable
        if part != "test":
            counts[f"{part}_windows_dropped_missing"] = len(possible) - usable
        runs += [
            {"part": part, "server": span.server, "first": first, "last": last, "step": stride}
            for first, last in found
        ]
    return ServerWindows(runs, counts)


def put_together(
    spans: list[Span], each: Sequence[ServerWindows], split: SplitParams, step: pd.Timedelta
) -> Split:
    """The split of all servers; see `make_split`."""
    servers: dict[str, Any] = {
        span.server: {
            "server": span.server,
            "first": span.first.isoformat(),
            "rows": span.rows,
            "train_end": span.train_end,
            "validation_end": span.validation_end,
            "train_end_at": (span.first + span.train_end * step).isoformat(),
            "validation_end_at": (span.first + span.validation_end * step).isoformat(),
            **own.counts,
        }
        for span, own in zip(spans, each, strict=True)
    }
    totals = {part: sum(entry[f"{part}_windows"] for entry in servers.values()) for part in PARTS}
    for part, total in totals.items():
        if total == 0:
            raise HostcastError(_no_windows(part, spans, split), remedy=_room(part, split))
    report = {
        "boundary": split.boundary,
        "freq_seconds": step.total_seconds(),
        "encoder_length": split.encoder_length,
        "horizon": split.horizon,
        "windows": totals,
        "servers_without_training_windows": [
            name for name, entry in servers.items() if entry["train_windows"] == 0
        ],
        "servers_without_test_windows": [
            name for name, entry in servers.items() if entry["test_windows"] == 0
        ],
        "servers": servers,
    }
    index = pd.DataFrame([run for own in each for run in own.runs]).astype(
        {"first": "int64", "last": "int64", "step": "int64"}
    )
    return Split(spans, index, split.horizon, step, report)


def write_split(split: Split, split_path: Path, windows_path: Path) -> None:
    """Write split.json and the window index."""
    write_json(split_path, split.report)
    write_parquet(windows_path, split.runs)


def read_split(split_path: Path, windows_path: Path) -> Split:
    """Read what `write_split` wrote."""
    report = read_json(split_path)
    spans = [
        Span(
            name,
            pd.Timestamp(entry["first"]),
            entry["rows"],
            entry["train_end"],
            entry["validation_end"],
        )
        for name, entry in report["servers"].items()
    ]
    runs = pq.read_table(windows_path).to_pandas()
    step = pd.Timedelta(report["freq_seconds"], unit="s")
    return Split(spans, runs, report["horizon"], step, report)


def _range(span: Span, part: Part) -> tuple[int, int]:
    return {
        "train": (0, span.train_end),
        "validation": (span.train_end, span.validation_end),
        "test": (span.validation_end, span.rows),
    }[part]


def _possible(span: Span, part: Part, split: SplitParams) -> range:
    low, high = _range(span, part)
    shortest = split.min_encoder_length - 1
    stride = split.validation_stride if part == "validation" else 1
    first = max(low - 1, shortest) if part == "train" else low - 1
    if first < shortest:
        first += -((first - shortest) // stride) * stride
    return range(first, high - split.horizon, stride)


def _observed(
    cutoffs: npt.NDArray[np.int64], missing: npt.NDArray[np.int64], targets: int, split: SplitParams
) -> npt.NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(missing)])
    share = (total[cutoffs + 1 + split.horizon] - total[cutoffs + 1]) / (split.horizon * targets)
    # a window without one observed value has nothing to learn from, whatever the limit says
    usable: npt.NDArray[np.int64] = cutoffs[(share <= split.max_missing) & (share < 1)]
    return usable


def _runs(cutoffs: npt.NDArray[np.int64], stride: int) -> list[tuple[int, int]]:
    if len(cutoffs) == 0:
        return []
    breaks = np.flatnonzero(np.diff(cutoffs) != stride)
    firsts = cutoffs[np.concatenate([[0], breaks + 1])]
    lasts = cutoffs[np.concatenate([breaks, [len(cutoffs) - 1]])]
    return [(int(a), int(b)) for a, b in zip(firsts, lasts, strict=True)]


def _no_windows(part: Part, spans: list[Span], split: SplitParams) -> str:
    longest = max(spans, key=lambda span: span.rows)
    length = {
        "train": longest.train_end,
        "validation": longest.validation_end - longest.train_end,
        "test": longest.rows - longest.validation_end,
    }[part]
    need = (
        f"at least {split.min_encoder_length} steps of history and {split.horizon} of horizon"
        if part == "train"
        else f"at least {split.horizon} steps of horizon, after {split.min_encoder_length} of history"
    )
    return (
        f"there is no {part} window: the longest server ({longest.server!r}) has {longest.rows} steps, "
        f"{length} of them in the {part} span; a window takes {need}"
    )


def _room(part: Part, split: SplitParams) -> str:
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
    return f"bring more history, lower split.horizon or split.min_encoder_length, or {changes}"

"""The split: spans, the cutoffs a window may end its history at, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.params import SplitParams
from hostcast.splitting.cutoffs import Cutoffs
from hostcast.splitting.folds import fold_spans
from hostcast.splitting.holdout import hold_out
from hostcast.splitting.scarcity import no_windows, room
from hostcast.splitting.spans import PARTS, Part, Span, spans_of

__all__ = [
    "Part",
    "ServerWindows",
    "Split",
    "make_split",
    "put_together",
    "windows_of",
]

REFIT: Part = "refit"


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
        folds: walk-forward folds, the earliest first; each is a split of its own, see `fold_spans`.
    """

    spans: list[Span]
    runs: pd.DataFrame
    horizon: int
    step: pd.Timedelta
    report: dict[str, Any]
    folds: list[Split] = field(default_factory=list)

    def refit(self) -> Split:
        """The same with training up to the end of validation, and no validation."""
        spans = [
            replace(span, train_end=span.validation_end, validation_begin=span.validation_end)
            for span in self.spans
        ]
        runs = self.runs[self.runs["part"].isin([REFIT, "test"])].replace({"part": {REFIT: "train"}})
        return replace(self, spans=spans, runs=runs, folds=[])

    @property
    def held_out(self) -> list[str]:
        """Servers without training and validation, on purpose."""
        names: list[str] = self.report["holdout_servers"]
        return names

    def cutoffs(self, part: Part, *, stride: int = 1) -> pd.DataFrame:
        """All cutoffs of a part: columns server, position (row on the server's grid), cutoff (UTC).

        Args:
            part: train, validation, test, or refit: training and validation together.
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
        return {span.server: span.first + span.test_begin * self.step for span in self.spans}

    def last_of_validation(self) -> dict[str, pd.Timestamp]:
        """The last instant of each server's validation span."""
        return {span.server: span.first + (span.validation_end - 1) * self.step for span in self.spans}

    def span_times(self, part: Part) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
        """Each server's first instant in the span of a part, and the first one after it."""
        times = {}
        for span in self.spans:
            low, high = span.range_of(part)
            times[span.server] = (span.first + low * self.step, span.first + high * self.step)
        return times


def make_split(
    frame: pd.DataFrame, targets: list[str], split: SplitParams, step: pd.Timedelta, *, seed: int = 0
) -> Split:
    """Place the boundaries and list the windows.

    A window's horizon lies wholly within its part; its history may reach back across the boundary, in
    training to before the beginning of a sliding fold.

    Args:
        frame: columns server, timestamp and the targets (NaN = missing), sorted, on a regular grid.
        targets: the columns to forecast.
        split: the params of the stage.
        step: length of one step.
        seed: what servers are held out by.

    Raises:
        HostcastError: a part holds no window at all.
    """
    spans, held_out = hold_out(spans_of(frame[["server", "timestamp"]], split, step), split, seed)
    # counts, not shares: a sum of thirds would miss a limit by its rounding
    missing = frame[targets].isna().to_numpy().sum(axis=1)
    bounds = np.concatenate([[0], np.cumsum([span.rows for span in spans])])

    def listed(spans: list[Span]) -> list[ServerWindows]:
        return [
            windows_of(span, missing[low:high], len(targets), split)
            for span, low, high in zip(spans, bounds[:-1], bounds[1:], strict=True)
        ]

    folds = fold_spans(spans, split, step)
    return put_together(
        (spans, listed(spans)), [(fold, listed(fold)) for fold in folds], held_out, split, step
    )


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
    for part in (*PARTS, REFIT):
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
    whole: tuple[list[Span], Sequence[ServerWindows]],
    folds: Sequence[tuple[list[Span], Sequence[ServerWindows]]],
    held_out: list[str],
    split: SplitParams,
    step: pd.Timedelta,
) -> Split:
    """The split of all servers; see `make_split`."""
    made = _one(*whole, held_out, split, step, fold=None)
    parts = [_one(*fold, held_out, split, step, fold=number) for number, fold in enumerate(folds, start=1)]
    return replace(made, folds=parts, report={**made.report, "folds": len(parts)})


def _one(
    spans: list[Span],
    each: Sequence[ServerWindows],
    held_out: list[str],
    split: SplitParams,
    step: pd.Timedelta,
    *,
    fold: int | None,
) -> Split:
    servers: dict[str, Any] = {
        span.server: {
            **asdict(span),
            "first": span.first.isoformat(),
            "train_end_at": (span.first + span.train_end * step).isoformat(),
            "validation_end_at": (span.first + span.validation_end * step).isoformat(),
            **own.counts,
        }
        for span, own in zip(spans, each, strict=True)
    }
    totals = {part: sum(entry[f"{part}_windows"] for entry in servers.values()) for part in PARTS}
    for part, total in totals.items():
        if total == 0:
            raise HostcastError(no_windows(part, spans, split, fold), remedy=room(part, split, fold))
    report = {
        "boundary": split.boundary,
        "freq_seconds": step.total_seconds(),
        "encoder_length": split.encoder_length,
        "horizon": split.horizon,
        "embargo": split.embargo,
        "windows": totals,
        "holdout_servers": held_out,
        "servers_without_training_windows": [
            name for name, entry in servers.items() if entry["train_windows"] == 0 and name not in held_out
        ],
        "servers_without_test_windows": [
            name for name, entry in servers.items() if entry["test_windows"] == 0
        ],
        "folds": 0,
        "servers": servers,
    }
    index = pd.DataFrame([run for own in each for run in own.runs]).astype(
        {"first": "int64", "last": "int64", "step": "int64"}
    )
    return Split(spans, index, split.horizon, step, report)


def _possible(span: Span, part: Part, split: SplitParams) -> range:
    low, high = span.range_of(part)
    shortest = split.min_encoder_length - 1
    stride = split.validation_stride if part == "validation" else 1
    first = low - 1
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

"""The stage `split`, part by part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hostcast.params import Params
from hostcast.parts import each_in_order, missing_counts, read_index, row_bar
from hostcast.splitting.folds import fold_spans
from hostcast.splitting.holdout import hold_out
from hostcast.splitting.spans import spans_between
from hostcast.splitting.split import ServerWindows, Split, put_together, windows_of

__all__ = ["split_of"]


def split_of(prepared: Path, params: Params) -> Split:
    """Place the boundaries and list the windows of prepared telemetry; see `make_split`.

    Args:
        prepared: folder of the prepared telemetry.
        params: sections base, split and runtime.
    """
    index = read_index(prepared, stage="prepare")
    layout, targets, split, step = index.layout, params.base.target_metrics, params.split, params.base.step
    firsts = [
        pd.Timestamp(first * layout.step_micros, unit="us", tz="UTC") for first in layout.first.tolist()
    ]
    placed = spans_between(layout.servers, firsts, layout.rows.tolist(), split, step)
    spans, held_out = hold_out(placed, split, params.base.random_seed)
    cuts = [spans, *fold_spans(spans, split, step)]

    def windows(group: int) -> list[list[ServerWindows]]:
        low, high = layout.groups[group : group + 2].tolist()
        missing = [np.zeros(rows, np.int64) for rows in layout.rows[low:high].tolist()]
        for part in layout.parts_of(group):
            begin = 0
            counts = missing_counts(index, part, targets)
            for piece in part.pieces:
                own = missing[piece.server - low][piece.offset : piece.offset + piece.count]
                own[:] = counts[begin : begin + piece.count]
                begin += piece.count
        return [
            [
                windows_of(span, counts, len(targets), split)
                for span, counts in zip(own[low:high], missing, strict=True)
            ]
            for own in cuts
        ]

    each: list[list[ServerWindows]] = [[] for _ in cuts]
    with row_bar("splitting", int(layout.rows.sum()), shown=params.runtime.progress) as bar:
        for group, made in enumerate(each_in_order(windows, range(len(layout.groups) - 1))):
            for listed, more in zip(each, made, strict=True):
                listed += more
            bar.update(int(layout.rows[layout.groups[group] : layout.groups[group + 1]].sum()))
    whole, *folds = zip(cuts, each, strict=True)
    return put_together(whole, folds, held_out, split, step)

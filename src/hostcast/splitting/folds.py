"""Walk-forward folds: earlier spans to train on, each with the period after it to be scored on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from hostcast.params import SplitParams
from hostcast.splitting.spans import MICROSECOND, Span, first_at, micros_of

__all__ = ["fold_spans"]

# rows from the beginning at which the ranges of a span begin and end, in the order of their time
_Cuts = tuple[int, int, int, int, int, int]


def fold_spans(spans: Sequence[Span], split: SplitParams, step: pd.Timedelta) -> list[list[Span]]:
    """Spans of each fold, the earliest fold first, within training and validation of the whole.

    A fold is cut like the whole, on a smaller scale: training, a period that chooses the model (its
    validation) and a period that scores it (its test), with the embargo before either. The period that scores
    the last fold ends where the validation of the whole ends, that of each other fold where the next one's
    begins.

    Args:
        spans: of all servers. One that is held out is in no fold.
        split: embargo, folds and the boundary: with `global`, a fold has the same instants on all servers,
            with `per_server` each counts in its own rows.
        step: length of one step.
    """
    if split.folds.count == 0:
        return []
    if split.boundary == "per_server":
        each = [_cuts(span.validation_end, split) for span in spans]
        return [
            [_cut(span, list(cuts[number])) for span, cuts in zip(spans, each, strict=True)]
            for number in range(split.folds.count)
        ]
    inside = [span for span in spans if span.validation_end]
    begins = {span.server: micros_of(span.first) for span in spans}
    length = step // MICROSECOND
    start = min((begins[span.server] for span in inside), default=0)
    stop = max((begins[span.server] + span.validation_end * length for span in inside), default=0)

    def rows_of(span: Span, cuts: _Cuts) -> list[int]:
        return [first_at(start + cut * length, begins[span.server], span.rows, length) for cut in cuts]

    return [
        [_cut(span, rows_of(span, cuts)) for span in spans] for cuts in _cuts((stop - start) // length, split)
    ]


def _cuts(rows: int, split: SplitParams) -> list[_Cuts]:
    """Of each fold, where so many rows come before the test span."""
    folds, embargo = split.folds, split.embargo
    period = folds.period or rows // (2 * (folds.count + 1))
    made: list[_Cuts] = []
    for later in reversed(range(folds.count)):
        end = rows - later * period
        scored = end - period
        chosen = scored - embargo - period
        trained = chosen - embargo
        begin = 0
        if folds.window == "sliding":
            begin = trained - (folds.training or (made[0][1] if made else trained))
        made.append((begin, trained, chosen, chosen + period, scored, end))
    return made


def _cut(span: Span, cuts: Sequence[int]) -> Span:
    begin, trained, chosen, chosen_end, scored, end = (min(max(cut, 0), span.validation_end) for cut in cuts)
    return replace(
        span,
        train_begin=begin,
        train_end=trained,
        validation_begin=chosen,
        validation_end=chosen_end,
        test_begin=scored,
        test_end=end,
    )

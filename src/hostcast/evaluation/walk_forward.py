"""Each walk-forward fold, evaluated as the whole is."""

from __future__ import annotations

import logging

import pandas as pd

from hostcast.evaluation.evaluate import EvaluationInputs, evaluate
from hostcast.evaluation.folds import FoldScore, SpanTimes
from hostcast.evaluation.leaderboard import TFT
from hostcast.forecasting import Forecast
from hostcast.params import Params
from hostcast.splitting import Split

__all__ = ["evaluate_fold"]

logger = logging.getLogger(__name__)


def evaluate_fold(
    number: int, fold: Split, made: Forecast, cutoffs: pd.DataFrame, telemetry: pd.DataFrame, params: Params
) -> FoldScore:
    """Score the forecasts of a fold's model, beside baselines, on the fold's own period.

    Args:
        number: of the fold, from 1.
        fold: its spans.
        made: forecasts of the fold's model at `cutoffs`.
        cutoffs: of the fold's test part.
        telemetry: the prepared telemetry.
        params: all params.

    Raises:
        HostcastError: see `evaluate`.
    """
    logger.info("fold %d", number)
    evaluation = evaluate(
        EvaluationInputs(
            forecasts=made.table,
            telemetry=telemetry,
            cutoffs=cutoffs,
            test_start=fold.test_start(),
            training=fold.span_times("train"),
            validation=fold.span_times("validation"),
            importance=made.importance,
            attention=made.attention,
            uncalibrated=made.uncalibrated,
            history=pd.DataFrame({"epoch": []}),
            quality={},
            params=params,
        )
    )
    return FoldScore(SpanTimes.of(fold), evaluation.scores[TFT], evaluation.headline)

"""Each walk-forward fold, forecast by its own model and evaluated as the whole is."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from hostcast.evaluation.evaluate import EvaluationInputs, evaluate
from hostcast.evaluation.folds import FoldScore, SpanTimes
from hostcast.evaluation.leaderboard import TFT
from hostcast.features import FeatureTable
from hostcast.forecasting import forecast
from hostcast.model import load_model
from hostcast.params import Params
from hostcast.paths import FOLD_MODELS
from hostcast.splitting import Split

__all__ = ["evaluate_folds"]

logger = logging.getLogger(__name__)


def evaluate_folds(
    split: Split,
    features: FeatureTable,
    telemetry: pd.DataFrame,
    params: Params,
    *,
    models: Path = FOLD_MODELS,
) -> list[FoldScore]:
    """Score each fold's model beside baselines, on the fold's own period.

    Args:
        split: with its folds.
        features: the features table.
        telemetry: the prepared telemetry.
        params: all params.
        models: folder of the folds' models, each under its number.

    Raises:
        HostcastError: a model can't be loaded; see `evaluate`.
    """
    scores = []
    for number, fold in enumerate(split.folds, start=1):
        logger.info("fold %d of %d", number, len(split.folds))
        cutoffs = fold.cutoffs("test", stride=params.evaluate.stride)
        model = load_model(models / str(number))
        made = forecast(model, features, cutoffs, step=fold.step, params=params, interpret=False)
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
        scores.append(FoldScore(SpanTimes.of(fold), evaluation.scores[TFT], evaluation.headline))
    return scores

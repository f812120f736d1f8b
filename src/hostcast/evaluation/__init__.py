"""Scores of forecasts, baselines to hold them against, and the report about both."""

from hostcast.evaluation.baselines import last_value, seasonal_naive
from hostcast.evaluation.calibration import calibration_tables
from hostcast.evaluation.evaluate import Evaluation, EvaluationInputs, evaluate
from hostcast.evaluation.figures import Figures, draw_figures
from hostcast.evaluation.folds import FoldScore, SpanTimes
from hostcast.evaluation.leaderboard import headline, leaderboard
from hostcast.evaluation.report import render_report
from hostcast.evaluation.scoring import Score, score
from hostcast.evaluation.walk_forward import evaluate_folds
from hostcast.evaluation.writing import write_evaluation

__all__ = [
    "Evaluation",
    "EvaluationInputs",
    "Figures",
    "FoldScore",
    "Score",
    "SpanTimes",
    "calibration_tables",
    "draw_figures",
    "evaluate",
    "evaluate_folds",
    "headline",
    "last_value",
    "leaderboard",
    "render_report",
    "score",
    "seasonal_naive",
    "write_evaluation",
]

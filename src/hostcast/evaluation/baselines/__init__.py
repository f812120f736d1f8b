"""Forecasts that a model has to beat, each made at the very cutoffs that the model is scored at."""

from hostcast.evaluation.baselines.naive import last_value, seasonal_naive
from hostcast.evaluation.baselines.run import make_baselines
from hostcast.evaluation.baselines.task import Task

__all__ = ["Task", "last_value", "make_baselines", "seasonal_naive"]

"""Training with Lightning: checkpoints, resume, schedules, logging."""

from hostcast.training.fit import Trained, TrainingFolders, train
from hostcast.training.folds import FoldModels, train_folds
from hostcast.training.inputs import require_current
from hostcast.training.provenance import provenance_of
from hostcast.training.refit import refit
from hostcast.training.resume import RunState, run_key
from hostcast.training.whole import train_model

__all__ = [
    "FoldModels",
    "RunState",
    "Trained",
    "TrainingFolders",
    "provenance_of",
    "refit",
    "require_current",
    "run_key",
    "train",
    "train_folds",
    "train_model",
]

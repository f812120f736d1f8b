"""Lightning callbacks of the train stage."""

from hostcast.training.callbacks.checkpoints import TopCheckpoints
from hostcast.training.callbacks.history import History
from hostcast.training.callbacks.images import ForecastImages
from hostcast.training.callbacks.progress import EpochLines, WindowsPerSecondBar
from hostcast.training.callbacks.resume_points import ResumePoints
from hostcast.training.callbacks.seeds import EpochSeeds

__all__ = [
    "EpochLines",
    "EpochSeeds",
    "ForecastImages",
    "History",
    "ResumePoints",
    "TopCheckpoints",
    "WindowsPerSecondBar",
]

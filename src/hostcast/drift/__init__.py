"""Whether newer telemetry is still like that which a model was trained on."""

from hostcast.drift.comparison import compare
from hostcast.drift.recent import recent_of

__all__ = ["compare", "recent_of"]

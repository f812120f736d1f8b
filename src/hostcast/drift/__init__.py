"""Whether newer telemetry is still like that which a model was trained on."""

from hostcast.drift.comparison import compare
from hostcast.drift.recent import recent_of
from hostcast.drift.reference import Reference, read_reference, reference_of, write_reference

__all__ = ["Reference", "compare", "read_reference", "recent_of", "reference_of", "write_reference"]

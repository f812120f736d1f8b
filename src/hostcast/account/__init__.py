"""What the data was like that a model was trained on."""

from hostcast.account.bins import Histogram, in_order
from hostcast.account.kept import training_data_of
from hostcast.account.reference import Reference, read_reference, reference_of, require_same_steps
from hostcast.account.stretches import values_between

__all__ = [
    "Histogram",
    "Reference",
    "in_order",
    "read_reference",
    "reference_of",
    "require_same_steps",
    "training_data_of",
    "values_between",
]

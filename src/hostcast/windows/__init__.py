"""From the features table to batches: what a model takes in, how it is scaled, which windows it sees."""

from hostcast.windows.batch import Batch, QuantileForecast
from hostcast.windows.fitting import fit_inputs
from hostcast.windows.frame import POSITION, model_frame
from hostcast.windows.normalizers import target_normalizer
from hostcast.windows.room import RunRows, cutoff_rows
from hostcast.windows.sampler import EpochSampler
from hostcast.windows.spec import InputSpec, Scale, TargetScale

__all__ = [
    "POSITION",
    "Batch",
    "EpochSampler",
    "InputSpec",
    "QuantileForecast",
    "RunRows",
    "Scale",
    "TargetScale",
    "cutoff_rows",
    "fit_inputs",
    "model_frame",
    "target_normalizer",
]

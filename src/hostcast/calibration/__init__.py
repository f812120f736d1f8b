"""Intervals that hold what they promise: corrections learned from windows kept out of training."""

from hostcast.calibration.adapting import levels_in_force
from hostcast.calibration.calibration import Calibration
from hostcast.calibration.fitting import fit_calibration
from hostcast.calibration.pairs import Pair, pairs_of
from hostcast.calibration.scores import scores_of, widen
from hostcast.calibration.storing import read_calibration, write_calibration

__all__ = [
    "Calibration",
    "Pair",
    "fit_calibration",
    "levels_in_force",
    "pairs_of",
    "read_calibration",
    "scores_of",
    "widen",
    "write_calibration",
]

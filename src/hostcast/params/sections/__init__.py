"""The sections of `params.yaml`, a file each. Meanings and units stand beside each key there."""

from hostcast.params.sections.base import BaseParams
from hostcast.params.sections.benchmark import BenchmarkParams
from hostcast.params.sections.calibration import CalibrationParams
from hostcast.params.sections.drift import DriftParams
from hostcast.params.sections.evaluate import BaselineName, EvaluateParams, LightgbmParams
from hostcast.params.sections.featurize import FeaturizeParams
from hostcast.params.sections.model import ModelParams
from hostcast.params.sections.prepare import BytesOf, FreeOf, PrepareParams
from hostcast.params.sections.runtime import PrometheusRuntime, RuntimeParams
from hostcast.params.sections.section import Section
from hostcast.params.sections.sources import FilesParams, PrometheusParams, SimulateParams
from hostcast.params.sections.split import FoldParams, SplitParams
from hostcast.params.sections.train import TrainParams

__all__ = [
    "BaseParams",
    "BaselineName",
    "BenchmarkParams",
    "BytesOf",
    "CalibrationParams",
    "DriftParams",
    "EvaluateParams",
    "FeaturizeParams",
    "FilesParams",
    "FoldParams",
    "FreeOf",
    "LightgbmParams",
    "ModelParams",
    "PrepareParams",
    "PrometheusParams",
    "PrometheusRuntime",
    "RuntimeParams",
    "Section",
    "SimulateParams",
    "SplitParams",
    "TrainParams",
]

"""The typed reader of `params.yaml`."""

from hostcast.params.dates import shown_instant
from hostcast.params.reader import load_params, parse_params
from hostcast.params.schema import Params
from hostcast.params.sections import (
    BaselineName,
    BaseParams,
    BenchmarkParams,
    CalibrationParams,
    DriftParams,
    EvaluateParams,
    FeaturizeParams,
    FilesParams,
    FoldParams,
    LightgbmParams,
    ModelParams,
    PrepareParams,
    PrometheusParams,
    PrometheusRuntime,
    RuntimeParams,
    SimulateParams,
    SplitParams,
    TrainParams,
)

__all__ = [
    "BaseParams",
    "BaselineName",
    "BenchmarkParams",
    "CalibrationParams",
    "DriftParams",
    "EvaluateParams",
    "FeaturizeParams",
    "FilesParams",
    "FoldParams",
    "LightgbmParams",
    "ModelParams",
    "Params",
    "PrepareParams",
    "PrometheusParams",
    "PrometheusRuntime",
    "RuntimeParams",
    "SimulateParams",
    "SplitParams",
    "TrainParams",
    "load_params",
    "parse_params",
    "shown_instant",
]

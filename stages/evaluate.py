"""Stage evaluate: forecasts at every test cutoff, scored beside baselines; drift; the report."""

import sys

import pandas as pd

from hostcast import paths
from hostcast.account import read_reference, training_data_of
from hostcast.drift import compare, recent_of
from hostcast.evaluation import (
    EvaluationInputs,
    SpanTimes,
    evaluate,
    evaluate_folds,
    write_evaluation,
)
from hostcast.features import FeatureTable
from hostcast.files import read_json, write_json, write_parquet
from hostcast.forecasting import forecast
from hostcast.model import load_model
from hostcast.params import Params
from hostcast.parts import read_frame
from hostcast.splitting import read_split
from hostcast.stage import run_stage
from hostcast.telemetry.simulation import oracle_quantiles


def main(params: Params) -> None:
    split = read_split(paths.SPLIT, paths.WINDOWS)
    cutoffs = split.cutoffs("test", stride=params.evaluate.stride)
    features = FeatureTable.open(paths.FEATURES)
    made = forecast(load_model(paths.MODEL), features, cutoffs, step=split.step, params=params)
    write_parquet(paths.FORECASTS, made.table)
    reference = read_reference(training_data_of(paths.MODEL))
    drift = compare(reference, recent_of(paths.PREPARED, reference, params), params.drift)
    write_json(paths.DRIFT_REPORT, drift)
    oracle = None
    if paths.SIMULATION_TRUTH.exists():
        truth = pd.read_parquet(paths.SIMULATION_TRUTH)
        oracle = oracle_quantiles(
            truth[truth["target"].isin(params.base.target_metrics)],
            cutoffs,
            horizon=params.split.horizon,
            quantiles=params.evaluate.quantiles,
            step=split.step,
            ranges=params.prepare.ranges,
        )
    telemetry = read_frame(paths.PREPARED, stage="prepare")
    inputs = EvaluationInputs(
        forecasts=made.table,
        telemetry=telemetry,
        cutoffs=cutoffs,
        test_start=split.test_start(),
        training=split.span_times("train"),
        validation=split.span_times("validation"),
        importance=made.importance,
        attention=made.attention,
        history=pd.read_csv(paths.HISTORY),
        quality=read_json(paths.QUALITY_REPORT),
        drift=drift,
        params=params,
        oracle=oracle,
        times=SpanTimes.of(split),
        folds=evaluate_folds(split, features, telemetry, params),
        held_out=split.held_out,
        uncalibrated=made.uncalibrated,
    )
    write_evaluation(evaluate(inputs))


if __name__ == "__main__":
    sys.exit(run_stage("evaluate", main, metrics=[paths.EVALUATE_METRICS]))

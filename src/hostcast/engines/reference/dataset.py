"""A `TimeSeriesDataSet` that holds just the windows asked for."""

from __future__ import annotations

import warnings

import pandas as pd
from pytorch_forecasting import TimeSeriesDataSet
from pytorch_forecasting.data import NaNLabelEncoder

from hostcast.features import FeatureTable
from hostcast.windows import POSITION, InputSpec, cutoff_rows, model_frame, target_normalizer
from hostcast.windows.spec import SERVER

__all__ = ["RELATIVE_TIME", "real_inputs", "window_dataset"]

RELATIVE_TIME = "relative_time_idx"


def window_dataset(features: pd.DataFrame, spec: InputSpec, cutoffs: pd.DataFrame) -> TimeSeriesDataSet:
    """Windows whose history ends at `cutoffs` (columns server, position), in that order.

    All scaling but the targets' is done beforehand: the data set's own encoders and scalers would have
    to be pickled to travel with a model.

    Raises:
        ValueError: a cutoff has too little history or horizon for a window.
    """
    servers = FeatureTable.of(features)
    cutoff_rows(cutoffs, servers.servers, servers.bounds, spec)
    table = _needed_rows(features, spec, cutoffs)
    columns = spec.columns
    reals = [name for name in real_inputs(spec) if name != RELATIVE_TIME]
    with warnings.catch_warnings():
        # servers without a window were counted by the split already
        warnings.filterwarnings("ignore", message="Min encoder length and/or min_prediction_idx")
        dataset = TimeSeriesDataSet(
            table,
            time_idx=POSITION,
            target=list(columns.targets),
            group_ids=[SERVER],
            min_encoder_length=spec.min_encoder_length,
            max_encoder_length=spec.encoder_length,
            min_prediction_length=spec.horizon,
            max_prediction_length=spec.horizon,
            static_categoricals=list(columns.categories),
            time_varying_known_reals=list(columns.known),
            time_varying_unknown_reals=[name for name in reals if name not in columns.known],
            categorical_encoders={
                column: _encoder(spec.categories[name])
                for name, column in zip(spec.categories, columns.categories, strict=True)
            },
            target_normalizer=target_normalizer(spec),
            scalers={name: None for name in reals if name not in columns.targets},
            add_relative_time_idx=True,
            # a shorter history is masked by its length; as a further input it would move the columns
            add_encoder_length=False,
        )
    if dataset.reals != real_inputs(spec):
        raise AssertionError(f"the data set orders its inputs {dataset.reals}")
    _keep_windows(dataset, table, spec, cutoffs)
    return dataset


def real_inputs(spec: InputSpec) -> list[str]:
    """Columns of a batch's last axis, in the order the data set gives them.

    Behind the network's inputs come columns that only ride along: which targets were observed, and the
    scales of `normalizer: group`.
    """
    columns = spec.columns
    carried = list(columns.observed_flags)
    if spec.normalizer == "group":
        carried += [*columns.centers, *columns.spreads]
    return [*columns.known, RELATIVE_TIME, *columns.targets, *columns.observed, *carried]


def _needed_rows(features: pd.DataFrame, spec: InputSpec, cutoffs: pd.DataFrame) -> pd.DataFrame:
    """Fill and scale each server's rows up to the end of its last window."""
    last = cutoffs.groupby(SERVER)["position"].max() + spec.horizon
    chosen = features[features[SERVER].isin(last.index)]
    position = chosen.groupby(SERVER, sort=False).cumcount()
    chosen = chosen[(position <= chosen[SERVER].map(last)).to_numpy()].reset_index(drop=True)
    return model_frame(chosen, spec)


def _encoder(values: list[str]) -> NaNLabelEncoder:
    """An encoder that knows `values` as 1, 2, ... and calls everything else 0."""
    encoder = NaNLabelEncoder(add_nan=True, warn=False)
    return encoder.fit(pd.Series(values, dtype=object))


def _keep_windows(
    dataset: TimeSeriesDataSet, table: pd.DataFrame, spec: InputSpec, cutoffs: pd.DataFrame
) -> None:
    index = dataset.index
    server = table[SERVER].to_numpy()[index["index_start"].to_numpy()]
    position = (index["time"] + index["sequence_length"] - spec.horizon - 1).to_numpy()
    listed = (
        pd.DataFrame(
            {
                "row": range(len(index)),
                SERVER: server,
                "position": position,
                "length": index["sequence_length"].to_numpy(),
            }
        )
        # the end of a series also begins shorter windows: keep the longest history of each cutoff
        .sort_values("length", kind="stable")
        .drop_duplicates([SERVER, "position"], keep="last")
    )
    wanted = cutoffs[[SERVER, "position"]].merge(listed, on=[SERVER, "position"], how="left")
    dataset.index = index.iloc[wanted["row"].to_numpy("int64")].reset_index(drop=True)

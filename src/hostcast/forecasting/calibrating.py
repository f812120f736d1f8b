"""Calibrating a model, and forecasting with a calibration."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from hostcast.calibration import Calibration, fit_calibration, levels_in_force, scores_of, widen
from hostcast.engines import WindowSource
from hostcast.features import FeatureTable
from hostcast.forecasting.values import forecast_values
from hostcast.machine import loader_options, uses_gpu
from hostcast.model import Model
from hostcast.params import Params
from hostcast.windows import Batch, QuantileForecast

__all__ = ["calibrate", "calibrated"]

log = logging.getLogger(__name__)

# of no consequence for the result, beyond its last digits
BATCH = 512

Floats = npt.NDArray[np.float64]


def calibrate(
    model: Model,
    features: FeatureTable,
    cutoffs: pd.DataFrame,
    *,
    until: Mapping[str, pd.Timestamp],
    params: Params,
) -> Calibration:
    """Learn by how much a model's intervals miss on windows that it was not trained on.

    The model that is calibrated need not be the one that the calibration is kept with: one that was then
    trained on these windows, too, would take itself to be better than it is.

    Args:
        model: what is calibrated.
        features: the features table.
        cutoffs: columns server, position: windows that the model was not trained on, with their horizons.
        until: server -> the last instant of the span that these windows are of.
        params: of these, calibration and runtime are read.
    """
    scores = _scores(model, model.get_engine().source(features, model.spec), cutoffs, params)
    calibration = fit_calibration(
        scores,
        cutoffs["server"].tolist(),
        cutoffs["position"].to_numpy("int64"),
        levels=model.spec.quantiles,
        targets=model.spec.targets,
        until=until,
        least_scores=params.calibration.scores,
        shrinkage=params.calibration.shrinkage,
    )
    log.info("calibrated on %d windows of %d servers", len(cutoffs), len(calibration.servers))
    for name, count in zip(calibration.targets, calibration.scores, strict=True):
        if not count:
            log.warning("%r was never observed in the validation span: its intervals stay as they are", name)
    return calibration


def calibrated(
    values: Floats,
    spread: Floats,
    model: Model,
    source: WindowSource,
    cutoffs: pd.DataFrame,
    *,
    step: pd.Timedelta,
    params: Params,
) -> Floats | None:
    """Forecasts with calibrated intervals; None if the model has no calibration or none is wanted.

    Args:
        values: (windows, horizon, targets, levels), in the targets' units.
        spread: (windows, targets), the unit of each window's scale.
        model: with its calibration.
        source: the windows of the features table; of each cutoff only rows up to it have a say.
        cutoffs: columns server, position, cutoff, of the windows.
        step: length of one step.
        params: of these, calibration and runtime are read.
    """
    calibration, method = model.calibration, params.calibration.method
    if calibration is None or method == "none":
        return None
    nominal = np.broadcast_to(calibration.nominal, (len(values), values.shape[2], len(calibration.nominal)))
    coverages = nominal if method == "conformal" else _adapted(model, source, cutoffs, step, params)
    servers = cutoffs["server"].tolist()
    out = np.empty_like(values)
    # corrections are half as large as the forecasts themselves
    for first in range(0, len(values), BATCH):
        part = slice(first, first + BATCH)
        corrections = calibration.corrections(servers[part], coverages[part])
        out[part] = widen(values[part], corrections, spread[part], calibration.levels)
    return out


def _adapted(
    model: Model, source: WindowSource, cutoffs: pd.DataFrame, step: pd.Timedelta, params: Params
) -> Floats:
    """Coverages to ask for at each cutoff, (windows, targets, pairs), from what came true up to it.

    They are judged by forecasts at cutoffs of their own, a horizon apart from the end of the calibration on,
    so that a forecast does not depend on which others are made with it.
    """
    calibration = model.calibration
    assert calibration is not None
    horizon = model.spec.horizon
    starts = {str(name): calibration.start_after(str(name)) for name in cutoffs["server"].unique()}
    since = cutoffs["cutoff"] - cutoffs["server"].map(starts)
    # the row that the calibration ended with, and the first one to follow the server from
    first = cutoffs["position"].to_numpy("int64") - since.to_numpy() // step.to_timedelta64()
    first = np.maximum(first, model.spec.min_encoder_length - 1)
    asked = cutoffs.assign(first=first, ahead=cutoffs["position"].to_numpy("int64") - first)
    each = asked.groupby("server", sort=True).agg(first=("first", "max"), ahead=("ahead", "max"))
    each["windows"] = np.maximum(-(-each["ahead"] // horizon), 0)
    levels = {str(name): calibration.nominal for name in each.index}
    followed = _followed(each, horizon)
    if len(followed):
        scores = _scores(model, source, followed, params)
        ends = each["windows"].cumsum()
        for name, end, count in zip(each.index, ends, each["windows"], strict=True):
            own = scores[end - count : end]
            if count:
                levels[str(name)] = levels_in_force(calibration, str(name), own, params.calibration.rate)
    shape = (len(model.spec.targets), len(calibration.nominal))
    coverages = np.empty((len(cutoffs), *shape))
    for place, (server, ahead) in enumerate(zip(asked["server"], asked["ahead"], strict=True)):
        known = levels[str(server)]
        coverages[place] = known[max(ahead, 0)] if known.ndim > 1 else known
    return coverages


def _followed(each: pd.DataFrame, horizon: int) -> pd.DataFrame:
    counts = each["windows"].to_numpy("int64")
    number = np.concatenate([np.arange(count) for count in counts]) if len(counts) else np.array([], int)
    return pd.DataFrame(
        {
            "server": each.index.to_numpy().repeat(counts),
            "position": each["first"].to_numpy("int64").repeat(counts) + horizon * number,
        }
    )


def _scores(model: Model, source: WindowSource, cutoffs: pd.DataFrame, params: Params) -> Floats:
    """Scores of a model's forecasts, (windows, horizon, targets, pairs), NaN where nothing was observed."""
    device = torch.device("cuda" if uses_gpu(params.runtime) else "cpu")
    engine, spec = model.get_engine(), model.spec
    loader = source.loader(cutoffs, batch_size=BATCH, options=loader_options(params.runtime))
    actual: list[Floats] = []
    spread: list[Floats] = []

    def note(batch: Batch, out: QuantileForecast) -> None:
        unit, center = (part.double().cpu().numpy() for part in (batch.spread, batch.center))
        seen = batch.target.double().cpu().numpy() * unit[:, None] + center[:, None]
        actual.append(np.where(batch.observed.cpu().numpy() > 0, seen, np.nan))
        spread.append(unit)

    network = model.network.to(device).eval()
    network.interpreting = False
    values = forecast_values(network, engine, spec, loader, device=device, note=note)
    network.cpu()
    return scores_of(values, np.concatenate(actual), np.concatenate(spread), spec.quantiles)

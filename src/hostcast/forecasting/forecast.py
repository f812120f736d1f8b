"""Forecasts at given cutoffs."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from tqdm import tqdm

from hostcast.features import FeatureTable
from hostcast.forecasting.calibrating import calibrated
from hostcast.forecasting.interpretation import Interpretation
from hostcast.forecasting.values import forecast_values
from hostcast.machine import loader_options, uses_gpu
from hostcast.model import Model
from hostcast.params import Params
from hostcast.windows import Batch, QuantileForecast

__all__ = ["Forecast", "forecast", "quantile_column"]


@dataclass(frozen=True)
class Forecast:
    """Quantile forecasts and what they were made from.

    Attributes:
        table: server, cutoff, timestamp, target and one column per level (q0.1, ...), in the targets'
            units; sorted by server, cutoff, target, timestamp.
        importance: part (static, encoder, decoder), variable, importance; sums to 1 per part.
        attention: position (steps before the first forecast step, -encoder_length to -1), weight.
        uncalibrated: the table as the network alone would have it; None where nothing was calibrated.
    """

    table: pd.DataFrame
    importance: pd.DataFrame
    attention: pd.DataFrame
    uncalibrated: pd.DataFrame | None = None


def quantile_column(level: float) -> str:
    """Column of a quantile level in forecast tables: q0.1 for 0.1."""
    return f"q{level:g}"


def forecast(
    model: Model,
    features: FeatureTable,
    cutoffs: pd.DataFrame,
    *,
    step: pd.Timedelta,
    params: Params,
    interpret: bool = True,
) -> Forecast:
    """Forecast every cutoff.

    Args:
        model: a trained model.
        features: the features table; rows after a cutoff serve only for inputs known ahead.
        cutoffs: columns server, position, cutoff.
        step: length of one step.
        params: of these, evaluate.batch_size, calibration, prepare.ranges (quantiles are kept within them)
            and runtime are read.
        interpret: say what the model looked at; without it, bulk forecasts are faster, and importance and
            attention of the result are all zero.
    """
    device = torch.device("cuda" if uses_gpu(params.runtime) else "cpu")
    options = loader_options(params.runtime)
    progress = params.runtime.progress and sys.stderr.isatty()
    spec = model.spec
    engine = model.get_engine()
    source = engine.source(features, spec)
    loader = source.loader(cutoffs, batch_size=params.evaluate.batch_size, options=options)
    network = model.network.to(device).eval()
    network.interpreting = interpret
    interpretation = Interpretation(spec)
    spreads: list[npt.NDArray[np.float32]] = []
    with tqdm(total=len(cutoffs), unit="window", desc="forecasting", disable=not progress) as bar:

        def note(batch: Batch, out: QuantileForecast) -> None:
            if interpret:
                interpretation.add(out)
            spreads.append(batch.spread.cpu().numpy())
            bar.update(batch.size)

        values = forecast_values(network, engine, spec, loader, device=device, note=note)
    network.cpu()
    spread = np.concatenate(spreads, dtype=np.float64)
    corrected = calibrated(values, spread, model, source, cutoffs, step=step, params=params)

    def table(quantiles: npt.NDArray[np.float64]) -> pd.DataFrame:
        for place, target in enumerate(spec.targets):
            low, high = params.prepare.ranges.get(target, (None, None))
            np.clip(quantiles[:, :, place], low, high, out=quantiles[:, :, place])
        return _table(quantiles, cutoffs, spec.targets, spec.quantiles, step)

    return Forecast(
        table(values if corrected is None else corrected),
        interpretation.importance(),
        interpretation.attention(),
        None if corrected is None else table(values),
    )


def _table(
    values: npt.NDArray[np.float64],
    cutoffs: pd.DataFrame,
    targets: list[str],
    levels: list[float],
    step: pd.Timedelta,
) -> pd.DataFrame:
    windows, horizon, count, _ = values.shape
    by_target = values.transpose(0, 2, 1, 3).reshape(windows * count * horizon, len(levels))
    ahead = np.tile(np.arange(1, horizon + 1), windows * count)
    cutoff = cutoffs["cutoff"].repeat(count * horizon).reset_index(drop=True)
    table = pd.DataFrame(
        {
            "server": cutoffs["server"].to_numpy().repeat(count * horizon),
            "cutoff": cutoff,
            "timestamp": cutoff + ahead * step,
            "target": np.tile(np.repeat(np.array(targets, dtype=object), horizon), windows),
        }
    )
    for place, level in enumerate(levels):
        table[quantile_column(level)] = by_target[:, place]
    order = ["server", "cutoff", "target", "timestamp"]
    return table.sort_values(order, kind="stable", ignore_index=True)

"""Forecasts at given cutoffs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor
from tqdm import tqdm

from hostcast.engines import Engine, Network
from hostcast.features import FeatureTable
from hostcast.forecasting.interpretation import Interpretation
from hostcast.machine import loader_options, uses_gpu
from hostcast.model import Model
from hostcast.params import Params
from hostcast.windows import Batch, InputSpec, QuantileForecast

__all__ = ["Forecast", "forecast", "forecast_values", "quantile_column"]


@dataclass(frozen=True)
class Forecast:
    """Quantile forecasts and what they were made from.

    Attributes:
        table: server, cutoff, timestamp, target and one column per level (q0.1, ...), in the targets'
            units; sorted by server, cutoff, target, timestamp.
        importance: part (static, encoder, decoder), variable, importance; sums to 1 per part.
        attention: position (steps before the first forecast step, -encoder_length to -1), weight.
    """

    table: pd.DataFrame
    importance: pd.DataFrame
    attention: pd.DataFrame


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
        params: of these, evaluate.batch_size, prepare.ranges (quantiles are kept within them) and runtime
            are read.
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
    with tqdm(total=len(cutoffs), unit="window", desc="forecasting", disable=not progress) as bar:

        def note(batch: Batch, out: QuantileForecast) -> None:
            if interpret:
                interpretation.add(out)
            bar.update(batch.size)

        values = forecast_values(network, engine, spec, loader, device=device, note=note)
    network.cpu()
    for place, target in enumerate(spec.targets):
        low, high = params.prepare.ranges.get(target, (None, None))
        np.clip(values[:, :, place], low, high, out=values[:, :, place])
    return Forecast(
        _table(values, cutoffs, spec.targets, spec.quantiles, step),
        interpretation.importance(),
        interpretation.attention(),
    )


def forecast_values(
    network: Network,
    engine: Engine,
    spec: InputSpec,
    loader: Iterable[Any],
    *,
    device: torch.device,
    note: Callable[[Batch, QuantileForecast], None] | None = None,
) -> npt.NDArray[np.float64]:
    """Quantiles of all windows of a loader, (windows, horizon, targets, levels), in the targets' units.

    Args:
        network: on the device, in evaluation mode.
        engine: unpacks batches.
        spec: inputs and scales.
        loader: of the engine.
        device: where to compute.
        note: called with each batch and what came out of it.
    """
    chunks: list[npt.NDArray[np.float32]] = []
    with torch.inference_mode():
        for values in _one_behind(_computed(network, engine, spec, loader, device, note)):
            chunks.append(values.numpy())
    return np.concatenate(chunks, dtype=np.float64)


def _computed(
    network: Network,
    engine: Engine,
    spec: InputSpec,
    loader: Iterable[Any],
    device: torch.device,
    note: Callable[[Batch, QuantileForecast], None] | None,
) -> Iterator[Tensor]:
    for raw in loader:
        batch = engine.unpack(move_data_to_device(raw, device), spec)
        out = network(batch)
        yield out.in_units(batch)
        if note is not None:
            note(batch, out)


def _one_behind(results: Iterable[Tensor]) -> Iterator[Tensor]:
    """Results in the processor's memory; from a GPU each is copied while the next is computed."""
    waiting: tuple[Tensor, torch.cuda.Event] | None = None
    for result in results:
        if not result.is_cuda:
            yield result
            continue
        host = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
        host.copy_(result, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        if waiting is not None:
            yield _arrived(*waiting)
        waiting = host, copied
    if waiting is not None:
        yield _arrived(*waiting)


def _arrived(host: Tensor, copied: torch.cuda.Event) -> Tensor:
    copied.synchronize()
    # page-locked memory is scarce
    return host.clone()


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

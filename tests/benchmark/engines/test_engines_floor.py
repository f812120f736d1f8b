"""What the floor counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from engines_data import TINY, quick_params, write_tiny
from torch.utils.flop_counter import FlopCounterMode

from hostcast.benchmark.engines.ceilings import Ceilings, measure_ceilings
from hostcast.benchmark.engines.data import open_data
from hostcast.benchmark.engines.floor import floor_of
from hostcast.benchmark.engines.shapes import SHAPES, Shape, params_of
from hostcast.engines import Architecture, LoaderOptions, get_engine
from hostcast.windows import fit_inputs


def floor(shape: Shape, **changes: int):
    sizes = {"weights": 1000, "activation_bytes": 4, "batch_size": 8, "forecast_batch": 4, **changes}
    return floor_of(shape, **sizes)


def operations_of_reference(folder: Path, shape: Shape) -> float:
    """Floating-point operations per window of pytorch-forecasting's forward pass, as torch counts them."""
    data, engine = open_data(write_tiny(folder, shape)), get_engine("reference")
    params = params_of(shape, quick_params(), engine="reference", device="cpu")
    spec = fit_inputs(data.features, data.roles, data.split, params)
    network = engine.network(spec, Architecture.of(params.model)).eval()
    loader = engine.source(data.features, spec).loader(
        data.split.cutoffs("train").head(8), batch_size=8, options=LoaderOptions()
    )
    batch = engine.unpack(next(iter(loader)), spec)
    # oneDNN's LSTM is one operation that the counter knows nothing of
    with (
        torch.no_grad(),
        torch.backends.mkldnn.flags(enabled=False),
        FlopCounterMode(display=False) as counter,
    ):
        network(batch)
    return counter.get_total_flops() / 8


def test_the_floor_lies_below_what_the_reference_computes_but_not_far(tmp_path: Path):
    shape = replace(TINY, hidden_size=32, hidden_continuous_size=16)
    counted = operations_of_reference(tmp_path, shape)
    least = floor(shape).forecast_operations

    assert 0.5 * counted < least < counted


def test_training_is_three_times_the_operations_of_a_forecast():
    assert floor(TINY).training_operations == 3 * floor(TINY).forecast_operations


def test_a_window_is_read_once_and_written_once_by_a_loader():
    # history of 5 known, 2 targets and 1 observed; ahead 5 known, 2 targets with a flag each
    assert floor(TINY).loader_bytes == 2 * 4 * (24 * 8 + 8 * 9)


def test_half_precision_halves_what_training_moves_between_blocks():
    whole, half = (floor(TINY, weights=0, activation_bytes=size) for size in (4, 2))
    window = whole.loader_bytes / 2

    assert half.training_bytes - window == (whole.training_bytes - window) / 2
    assert half.forecast_bytes == whole.forecast_bytes


@pytest.mark.parametrize("name", SHAPES)
def test_larger_batches_share_the_weights(name):
    small, large = (floor(SHAPES[name], batch_size=size, forecast_batch=size) for size in (32, 1024))

    assert large.training_bytes < small.training_bytes
    assert large.forecast_bytes < small.forecast_bytes


def test_the_ceilings_are_positive_and_known_for_the_precisions_of_training():
    ceilings = measure_ceilings("cpu", 1, small=True)

    assert ceilings.of("32-true") > 0
    assert ceilings.bytes_per_second > 0


def test_of_two_times_the_better_one_is_the_ceiling():
    one, other = (
        Ceilings({"32": 3.0, "bf16": 5.0}, 7.0, 64, 1),
        Ceilings({"32": 4.0, "bf16": 2.0}, 6.0, 64, 1),
    )

    assert one.or_better(other) == Ceilings({"32": 4.0, "bf16": 5.0}, 7.0, 64, 1)

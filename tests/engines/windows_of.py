"""Batches of both engines in one form, to hold them against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch

from fleet import Scene
from hostcast.engines import LoaderOptions, get_engine
from hostcast.engines.reference.dataset import real_inputs
from hostcast.engines.reference.network import input_names
from hostcast.features import FeatureTable
from hostcast.windows import Batch, InputSpec, fit_inputs

INPUTS = ("history", "ahead", "categories", "lengths")


def spec_of(given: Scene) -> InputSpec:
    """Inputs fitted on a scene."""
    return fit_inputs(given.table, given.roles, given.split, given.params)


def batches(
    engine: str,
    features: pd.DataFrame,
    spec: InputSpec,
    cutoffs: pd.DataFrame,
    *,
    batch_size: int = 16,
    **seeded: Any,
) -> Iterator[Batch]:
    """The batches of an engine's loader, with the inputs of the engine `fused`."""
    made = get_engine(engine)
    loader = made.source(FeatureTable.of(features), spec).loader(
        cutoffs, batch_size=batch_size, options=LoaderOptions(), **seeded
    )
    for raw in loader:
        batch = made.unpack(raw, spec)
        yield batch if engine == "fused" else _as_fused(batch, spec)


def _as_fused(batch: Batch, spec: InputSpec) -> Batch:
    order = {name: place for place, name in enumerate(real_inputs(spec))}
    names = input_names(spec)
    past = batch.inputs["encoder_cont"][..., [order[name] for name in names["encoder"]]]
    # the reference pads to the longest history of the batch
    history = past.new_zeros(len(past), spec.encoder_length, past.shape[2])
    history[:, : past.shape[1]] = past
    lengths = batch.inputs["encoder_lengths"]
    history[torch.arange(spec.encoder_length) >= lengths[:, None]] = 0.0
    inputs = {
        "history": history,
        "ahead": batch.inputs["decoder_cont"][..., [order[name] for name in names["decoder"]]],
        "categories": batch.inputs["decoder_cat"][:, 0],
        "lengths": lengths,
        "full": bool((lengths == spec.encoder_length).all()),
    }
    return Batch(inputs, batch.target, batch.observed, batch.center, batch.spread)


def assert_same_windows(one: Batch, other: Batch, spec: InputSpec) -> None:
    """What is copied is the same to the bit; what is scaled by a window's own statistics, to 1e-6."""
    known = len(spec.known) + 1
    columns = [*spec.known, "elapsed", *spec.targets, *spec.observed]
    scaled = [place for place, name in enumerate(columns) if name in {*spec.targets, *spec.scaled_as}]
    copied = [place for place in range(len(columns)) if place not in scaled]
    for name in ("categories", "lengths"):
        assert torch.equal(one.inputs[name], other.inputs[name]), name
    assert one.inputs["full"] == other.inputs["full"]
    assert torch.equal(one.observed, other.observed)
    left, right = one.inputs["history"], other.inputs["history"]
    assert left.shape == right.shape
    assert torch.equal(left[..., copied], right[..., copied])
    ahead, expected = one.inputs["ahead"], other.inputs["ahead"]
    ahead_copied = [place for place in copied if place < known]
    ahead_scaled = [place for place in scaled if place < known]
    assert torch.equal(ahead[..., ahead_copied], expected[..., ahead_copied])
    if spec.normalizer == "group":
        pairs = [(left, right), (ahead, expected), (one.target, other.target)]
        pairs += [(one.center, other.center), (one.spread, other.spread)]
        assert all(torch.equal(*pair) for pair in pairs)
        return
    torch.testing.assert_close(one.center, other.center, rtol=1e-6, atol=0.0)
    torch.testing.assert_close(one.spread, other.spread, rtol=1e-6, atol=0.0)
    # pytorch-forecasting's float32 mean is off by its rounding, which a small spread magnifies
    rounding = 0.0
    if spec.normalizer == "encoder":
        rounding = float(2 * torch.finfo(torch.float32).eps * (one.center.abs() / one.spread).max())
    for a, b in (
        (left[..., scaled], right[..., scaled]),
        (ahead[..., ahead_scaled], expected[..., ahead_scaled]),
        (one.target, other.target),
    ):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6 + rounding)

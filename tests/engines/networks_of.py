"""The same random network and windows for both engines, to hold what they compute against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hostcast.engines import Architecture, Network, get_engine
from hostcast.engines.reference.dataset import real_inputs
from hostcast.training.loss import pinball_sums
from hostcast.windows import Batch, InputSpec, QuantileForecast, Scale, TargetScale

ENCODER, HORIZON = 11, 5
LEVELS = [0.1, 0.5, 0.9]


def made_spec(*, targets: int = 2, known: int = 2, observed: int = 1, categories: int = 2) -> InputSpec:
    """Inputs of so many columns of each role."""
    unit = Scale(0.0, 1.0)
    names = {
        role: [f"{role} {i}" for i in range(count)]
        for role, count in {"y": targets, "known": known, "seen": observed, "category": categories}.items()
    }
    return InputSpec(
        targets=names["y"],
        known=names["known"],
        observed=names["seen"],
        categories={name: ["a", "b", "c"][: 2 + i % 2] for i, name in enumerate(names["category"])},
        scales=dict.fromkeys([*names["known"], *names["seen"]], unit),
        scaled_as={},
        fill={},
        target_scales=dict.fromkeys(names["y"], TargetScale(unit, {}, 1.0)),
        left_out=[],
        normalizer="window",
        encoder_length=ENCODER,
        min_encoder_length=1,
        horizon=HORIZON,
        quantiles=LEVELS,
    )


def made_network(engine: str, spec: InputSpec, architecture: Architecture, *, seed: int = 0) -> Network:
    """A network of which no weight is what it is initialised to: norms, masks and biases have values too."""
    torch.manual_seed(seed)
    network = get_engine(engine).network(spec, architecture)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return network


def made_batch(spec: InputSpec, windows: int, *, short: bool = False, seed: int = 0) -> Batch:
    """Random windows as the engine `fused` takes them."""
    torch.manual_seed(seed)
    ahead, targets = len(spec.known) + 1, len(spec.targets)
    lengths = torch.full((windows,), ENCODER)
    if short:
        lengths = torch.randint(1, ENCODER + 1, (windows,))
    history = torch.randn(windows, ENCODER, ahead + targets + len(spec.observed))
    history[torch.arange(ENCODER) >= lengths[:, None]] = 0.0
    vocabularies = spec.categories.values()
    codes = [torch.randint(len(values) + 1, (windows,)) for values in vocabularies]
    return Batch(
        inputs={
            "history": history,
            "ahead": torch.randn(windows, HORIZON, ahead),
            "categories": torch.stack(codes, dim=1) if codes else torch.zeros(windows, 0, dtype=torch.long),
            "lengths": lengths,
            "full": bool((lengths == ENCODER).all()),
        },
        target=torch.randn(windows, HORIZON, targets),
        observed=(torch.rand(windows, HORIZON, targets) < 0.9).float(),
        center=torch.zeros(windows, targets),
        spread=torch.rand(windows, targets) + 0.5,
    )


def as_reference(batch: Batch, spec: InputSpec, dtype: torch.dtype = torch.float32) -> Batch:
    """The same windows as the engine `reference` takes them, padded to the longest history."""
    lengths, categories = batch.inputs["lengths"], batch.inputs["categories"]
    longest = int(lengths.max())
    width = len(real_inputs(spec))

    def widened(x: Tensor) -> Tensor:
        # what the network does not read rides along
        return torch.cat([x, torch.full((*x.shape[:2], width - x.shape[2]), 7.0)], dim=2).to(dtype)

    inputs = {
        "encoder_cont": widened(batch.inputs["history"][:, :longest]),
        "decoder_cont": widened(batch.inputs["ahead"]),
        "encoder_cat": categories[:, None].expand(-1, longest, -1),
        "decoder_cat": categories[:, None].expand(-1, HORIZON, -1),
        "encoder_lengths": lengths,
        "decoder_lengths": torch.full_like(lengths, HORIZON),
    }
    rest = (batch.target, batch.observed, batch.center, batch.spread)
    return Batch(inputs, *(tensor.to(dtype) for tensor in rest))


@dataclass(frozen=True)
class Computed:
    """What a network makes of a batch: its forecast, its loss and the loss's gradients."""

    out: QuantileForecast
    loss: Tensor
    gradients: dict[str, Tensor | None]


def computed(network: Any, batch: Batch) -> Computed:
    """Forward and backward pass."""
    network.zero_grad()
    out = network(batch)
    sums, values = pinball_sums(
        out.quantiles, batch.target, batch.observed, batch.spread, torch.tensor(LEVELS)
    )
    loss = (sums / values).sum()
    loss.backward()
    return Computed(out, loss.detach(), {name: value.grad for name, value in network.named_parameters()})

"""Random layers of the fused network, and how far off what is computed of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from hostcast.engines.fused.folding import SKIP_INPUT, SKIP_NORMED, FoldedGrn, FoldedSelection


def made_grn(count: int, n: int, m: int, o: int, skip: int) -> FoldedGrn:
    """`count` gated residual networks, from n numbers to o."""

    def drawn(*shape: int) -> Tensor:
        return torch.randn(count, *shape)

    mapped, normed = skip != SKIP_INPUT, skip == SKIP_NORMED
    return FoldedGrn(
        first=drawn(m, n) / n**0.5,
        first_bias=drawn(m),
        second=drawn(m, m) / m**0.5,
        second_bias=drawn(m),
        gate=drawn(2 * o, m) / m**0.5,
        gate_bias=drawn(2 * o),
        skip=skip,
        skip_map=drawn(o, n) if mapped else None,
        skip_offset=drawn(o) if mapped else None,
        skip_gain=drawn(o) if normed else None,
        skip_bias=drawn(o) if normed else None,
        gain=drawn(o),
        bias=drawn(o),
    )


def made_selection(
    variables: int, m: int, o: int, joint_m: int, skip: int, joint_skip: int
) -> FoldedSelection:
    """A selection over so many variables."""
    joint = made_grn(1, variables, joint_m, variables, joint_skip) if variables > 1 else None
    return FoldedSelection(made_grn(variables, 1, m, o, skip), joint)


def tensors_of(folded: FoldedGrn | FoldedSelection | None) -> list[Tensor]:
    """Its weights."""
    if folded is None:
        return []
    if isinstance(folded, FoldedSelection):
        return [*tensors_of(folded.single), *tensors_of(folded.joint)]
    values = [getattr(folded, field.name) for field in fields(folded)]
    return [value for value in values if isinstance(value, Tensor)]


def changed(folded: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same with other weights."""
    content = {}
    for field in fields(folded):
        value = getattr(folded, field.name)
        if isinstance(value, FoldedGrn):
            content[field.name] = changed(value, change)
        elif isinstance(value, Tensor):
            content[field.name] = change(value)
    return replace(folded, **content)


def leaf(tensor: Tensor) -> Tensor:
    """A copy whose gradient is wanted."""
    return tensor.detach().clone().requires_grad_()


def exact_leaf(tensor: Tensor) -> Tensor:
    """As `leaf`, in double precision."""
    return leaf(tensor.double())


def gradients(outputs: Iterable[Tensor], downstream: Iterable[Tensor], leaves: list[Tensor]) -> list[Tensor]:
    """What the gradients of the outputs make of the leaves'."""
    pairs = [(out, down.to(out.dtype)) for out, down in zip(outputs, downstream, strict=True)]
    found = torch.autograd.grad([out for out, _ in pairs], leaves, [down for _, down in pairs])
    return list(found)


def assert_near(found: Iterable[Tensor], exact: Iterable[Tensor], tolerance: float = 1e-5) -> None:
    """Each is off by no more than a share of its largest value, and of rounding of the largest of all."""
    pairs = [(one.detach().double(), other.detach()) for one, other in zip(found, exact, strict=True)]
    rounding = 2e-7 * max(float(other.abs().max()) for _, other in pairs)
    for place, (one, other) in enumerate(pairs):
        assert one.shape == other.shape
        off, largest = float((one - other).abs().max()), float(other.abs().max())
        assert off <= tolerance * largest + rounding, f"number {place} is off by {off / largest:.1e}"


def bias_masks(compute: Any, biases: list[Tensor], rows: int, width: int, steps: int) -> list[Tensor]:
    """Which values before a dropout each row keeps, (networks, rows, features).

    The gradient of the bias there is zero where a value is dropped; each row is asked for alone.
    """
    found: list[list[Tensor]] = [[] for _ in biases]
    for row in range(rows):
        down = torch.zeros(rows // steps, steps, width)
        down[row // steps, row % steps] = torch.randn(width)
        for place, gradient in enumerate(gradients([compute()], [down], biases)):
            found[place].append(gradient != 0)
    return [torch.stack(masks, dim=1) for masks in found]


class Masked:
    """Dropout with given masks, in the order in which torch's is asked for them."""

    def __init__(self, masks: list[Tensor]) -> None:
        self.masks = masks

    def __call__(self, x: Tensor, rate: float) -> Tensor:
        mask = self.masks.pop(0)
        return x * mask.view(x.shape) / (1 - rate)

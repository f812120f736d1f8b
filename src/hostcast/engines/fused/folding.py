"""Variable selection's weights, folded: what the network does to a single number, in few operations.

A real input enters pytorch-forecasting's variable selection through a linear map from one number (its
prescaler). Whatever linear map follows (the first layer of its own GRN, its share of the joint GRN's first
layer, both interpolated residuals) is affine in that number, so it is composed with the prescaler beforehand.
The parameters stay those of the network, and so do their gradients: folding is differentiable and costs next
to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "SKIP_AFFINE",
    "SKIP_INPUT",
    "SKIP_NORMED",
    "FoldedGrn",
    "FoldedSelection",
    "fold_grn",
    "fold_selection",
    "interpolation",
]

# as in native/grn.h
SKIP_INPUT, SKIP_AFFINE, SKIP_NORMED = 0, 1, 2
DIRECT = 4


@dataclass(frozen=True)
class FoldedGrn:
    """Gated residual networks of one shape, stacked: v networks, inputs n, hidden m, output o.

    Attributes:
        first, first_bias: (v, m, n), (v, m): to the ELU.
        second, second_bias: (v, m, m), (v, m): to the dropout; None where they are folded into the gate.
        gate, gate_bias: (v, 2 o, m), (v, 2 o): to the gated linear unit.
        skip: the residual: the input itself, an affine map of it, or the norm of that map.
        skip_map, skip_offset: (v, o, n), (v, o); None for the input itself.
        skip_gain, skip_bias: (v, o): of the residual's norm; None without one.
        gain, bias: (v, o): of the output's norm.
    """

    first: Tensor
    first_bias: Tensor
    second: Tensor | None
    second_bias: Tensor | None
    gate: Tensor
    gate_bias: Tensor
    skip: int
    skip_map: Tensor | None
    skip_offset: Tensor | None
    skip_gain: Tensor | None
    skip_bias: Tensor | None
    gain: Tensor
    bias: Tensor

    def packed(self) -> Tensor:
        """(v, size): each network's numbers one behind the other, as the kernels read them (native/grn.h)."""
        parts = [self.first, self.first_bias, self.second, self.second_bias, self.gate, self.gate_bias]
        parts += [self.skip_map, self.skip_offset, self.skip_gain, self.skip_bias, self.gain, self.bias]
        return torch.cat([part.flatten(1) for part in parts if part is not None], dim=1)

    def without_dropout(self) -> FoldedGrn:
        """The same networks where nothing is dropped: the second map becomes part of the gate's."""
        if self.second is None or self.second_bias is None:
            return self
        with torch.autocast(self.gate.device.type, enabled=False):
            gate = self.gate @ self.second
            gate_bias = self.gate_bias + (self.gate @ self.second_bias[..., None])[..., 0]
        return replace(self, second=None, second_bias=None, gate=gate, gate_bias=gate_bias)

    @property
    def code(self) -> int:
        """Which kind of network this is to the kernels."""
        return self.skip | (DIRECT if self.second is None else 0)


@dataclass(frozen=True)
class FoldedSelection:
    """A variable selection network over reals.

    Attributes:
        single: one network per variable, each from one number to the hidden width.
        joint: from all numbers to the selection's logits, (1 network); None for a single variable.
    """

    single: FoldedGrn
    joint: FoldedGrn | None


def fold_grn(grn: Any) -> FoldedGrn:
    """A gated residual network whose input and output are equally wide."""
    return _tail(
        [grn],
        first=grn.fc1.weight[None],
        first_bias=grn.fc1.bias[None],
        skip=SKIP_INPUT,
        skip_map=None,
        skip_offset=None,
    )


def fold_selection(selection: Any, single_stretch: Tensor, joint_stretch: Tensor) -> FoldedSelection:
    """A variable selection network, all of whose inputs are reals with a prescaler.

    Args:
        selection: pytorch-forecasting's `VariableSelectionNetwork`.
        single_stretch: `interpolation` of a prescaled number to the hidden width.
        joint_stretch: `interpolation` of all prescaled numbers to one per variable.
    """
    names = list(selection.input_sizes)
    grns = [selection.single_variable_grns[name] for name in names]
    slope = torch.stack([selection.prescalers[name].weight[:, 0] for name in names])  # (v, c)
    offset = torch.stack([selection.prescalers[name].bias for name in names])  # (v, c)
    first = torch.stack([grn.fc1.weight for grn in grns])  # (v, m, c)
    width = selection.hidden_size
    count, c = slope.shape
    if c == width:
        skip, skip_map, skip_offset = SKIP_AFFINE, slope, offset
    else:
        stretch = _centered(single_stretch * _mask_gate(grns)[:, None])  # (v, c, o)
        skip, skip_map, skip_offset = (
            SKIP_NORMED,
            torch.einsum("vc,vco->vo", slope, stretch),
            torch.einsum("vc,vco->vo", offset, stretch),
        )
    single = _tail(
        grns,
        first=torch.einsum("vmc,vc->vm", first, slope)[..., None],
        first_bias=torch.einsum("vmc,vc->vm", first, offset) + torch.stack([grn.fc1.bias for grn in grns]),
        skip=skip,
        skip_map=skip_map[..., None],
        skip_offset=skip_offset,
    )
    if count == 1:
        return FoldedSelection(single, None)
    grn = selection.flattened_grn
    first = grn.fc1.weight.view(-1, count, c)  # (m, v, c)
    if c == 1:
        skip, skip_map, skip_offset = SKIP_AFFINE, torch.diag(slope[:, 0]), offset[:, 0]
    else:
        stretch = _centered(joint_stretch * _mask_gate([grn])).view(count, c, count)
        skip = SKIP_NORMED
        skip_map = torch.einsum("vc,vco->ov", slope, stretch)
        skip_offset = torch.einsum("vc,vco->o", offset, stretch)
    joint = _tail(
        [grn],
        first=torch.einsum("mvc,vc->mv", first, slope)[None],
        first_bias=(torch.einsum("mvc,vc->m", first, offset) + grn.fc1.bias)[None],
        skip=skip,
        skip_map=skip_map[None],
        skip_offset=skip_offset[None],
    )
    return FoldedSelection(single, joint)


def _tail(
    grns: list[Any],
    *,
    first: Tensor,
    first_bias: Tensor,
    skip: int,
    skip_map: Tensor | None,
    skip_offset: Tensor | None,
) -> FoldedGrn:
    normed = skip == SKIP_NORMED
    norms = [grn.gate_norm.add_norm.norm for grn in grns]
    return FoldedGrn(
        first=first,
        first_bias=first_bias,
        second=torch.stack([grn.fc2.weight for grn in grns]),
        second_bias=torch.stack([grn.fc2.bias for grn in grns]),
        gate=torch.stack([grn.gate_norm.glu.fc.weight for grn in grns]),
        gate_bias=torch.stack([grn.gate_norm.glu.fc.bias for grn in grns]),
        skip=skip,
        skip_map=skip_map,
        skip_offset=skip_offset,
        skip_gain=torch.stack([grn.resample_norm.norm.weight for grn in grns]) if normed else None,
        skip_bias=torch.stack([grn.resample_norm.norm.bias for grn in grns]) if normed else None,
        gain=torch.stack([norm.weight for norm in norms]),
        bias=torch.stack([norm.bias for norm in norms]),
    )


def _mask_gate(grns: list[Any]) -> Tensor:
    return 2.0 * torch.sigmoid(torch.stack([grn.resample_norm.mask for grn in grns]))


def _centered(x: Tensor) -> Tensor:
    """A map without its mean over the outputs, which the norm behind it takes away anyway.

    Where few values are stretched to many, the mean is most of the map: composed with it, the map would be
    rounded to the mean's size, and the norm magnifies what is left.
    """
    return x - x.mean(dim=-1, keepdim=True)


def interpolation(wide: int, narrow: int) -> Tensor:
    """(wide, narrow): the linear map that pytorch-forecasting's residuals are resampled by.

    As a matrix product its backward pass is deterministic on a GPU, which that of interpolate is not.
    """
    return F.interpolate(torch.eye(wide)[:, None], narrow, mode="linear", align_corners=True)[:, 0]

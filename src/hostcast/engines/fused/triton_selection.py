"""Variable selection's networks of single numbers, weighed and summed: a differentiable function on a GPU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hostcast.engines.fused import triton_gradients, triton_kernels
from hostcast.engines.fused.folding import SKIP_NORMED, FoldedGrn
from hostcast.engines.fused.gpu import tile

__all__ = ["selection"]

# cut into as many pieces on any GPU: in which order gradients are summed must not depend on it
PIECES = 264


def selection(x: Tensor, weights: Tensor, net: FoldedGrn, rate: float, dtype: torch.dtype) -> Tensor:
    """The variables' encodings, weighed and summed.

    Args:
        x: (rows, variables).
        weights: (rows, variables).
        net: one network per variable.
        rate: of dropout.
        dtype: of the matrix products and of the result.

    Returns:
        (rows, width).
    """
    net = _widened(net)
    assert net.skip_map is not None and net.skip_offset is not None
    width = net.gain.shape[1]
    second_bias = torch.zeros_like(net.first_bias) if net.second_bias is None else net.second_bias
    inner = torch.stack([net.first[..., 0], net.first_bias, second_bias], dim=1)
    outer = [*net.gate_bias.split(width, dim=1), net.gain, net.bias, net.skip_map[..., 0], net.skip_offset]
    if net.skip == SKIP_NORMED:
        assert net.skip_gain is not None and net.skip_bias is not None
        outer += [net.skip_gain, net.skip_bias]
    seed = torch.randint(2**31, (1,), device=x.device) if rate > 0 else None
    out: Tensor = SelectionKernel.apply(
        x.float().contiguous(),
        weights.float().contiguous(),
        inner.float(),
        torch.stack(outer, dim=1).float(),
        None if net.second is None else net.second.to(dtype).contiguous(),
        net.gate.to(dtype).contiguous(),
        seed,
        rate,
    )
    return out


def _widened(net: FoldedGrn) -> FoldedGrn:
    """The same networks, with features that are always zero where a tile holds more."""
    extra = tile(net.first.shape[1]) - net.first.shape[1]
    if extra == 0:
        return net
    return replace(
        net,
        first=F.pad(net.first, (0, 0, 0, extra)),
        first_bias=F.pad(net.first_bias, (0, extra)),
        second=None if net.second is None else F.pad(net.second, (0, extra, 0, extra)),
        second_bias=None if net.second_bias is None else F.pad(net.second_bias, (0, extra)),
        gate=F.pad(net.gate, (0, extra)),
    )


class SelectionKernel(torch.autograd.Function):
    """`triton_kernels` and `triton_gradients`"""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weights: Tensor,
        inner: Tensor,
        outer: Tensor,
        second: Tensor | None,
        gate: Tensor,
        seed: Tensor | None,
        rate: float,
    ) -> Tensor:
        rows, variables = x.shape
        out = gate.new_empty(rows, outer.shape[2])
        options = _options(inner, outer, gate)
        triton_kernels.forward[(-(-rows // options["ROWS"]),)](
            x, weights, inner, outer, gate if second is None else second, gate, x if seed is None else seed,
            out, rows, variables, _threshold(rate), 1.0 / (1.0 - rate),
            DIRECT=second is None, DROPS=seed is not None, **options,
        )  # fmt: skip
        ctx.save_for_backward(x, weights, inner, outer, second, gate, seed)
        ctx.rate = rate
        return out

    @staticmethod
    def backward(ctx: Any, down: Tensor) -> tuple[Tensor | None, ...]:
        x, weights, inner, outer, second, gate, seed = ctx.saved_tensors
        rows, variables = x.shape
        hidden, width = inner.shape[2], outer.shape[2]
        blocks = -(-rows // (triton_gradients.BLOCK * max(1, PIECES // variables)))
        length = blocks * triton_gradients.BLOCK
        pieces = -(-rows // length)
        dropped, ddense = gate.new_empty(2, pieces, variables, hidden, length)
        dgates = gate.new_empty(pieces, variables, 2 * width, length)
        dweights = torch.empty_like(weights)
        dinner, douter = inner.new_empty(pieces, *inner.shape), outer.new_empty(pieces, *outer.shape)
        dsecond = inner.new_empty(pieces, *second.shape)
        dgate = inner.new_empty(pieces, *gate.shape)
        options = _options(inner, outer, gate)
        triton_gradients.backward[(variables, pieces)](
            x, weights, inner, outer, second, gate, x if seed is None else seed, down.contiguous(),
            dweights, dinner, douter, dropped, ddense, dgates,
            rows, variables, blocks, _threshold(ctx.rate), 1.0 / (1.0 - ctx.rate),
            DROPS=seed is not None, **options,
        )  # fmt: skip
        triton_gradients.products[(variables, pieces, 3)](
            x, inner, dropped, ddense, dgates, dsecond, dgate, rows, variables, blocks,
            **_product_options(options),
        )  # fmt: skip
        return (
            None,
            dweights,
            dinner.sum(dim=0),
            douter.sum(dim=0),
            dsecond.sum(dim=0).to(second.dtype),
            dgate.sum(dim=0).to(gate.dtype),
            None,
            None,
        )


def _options(inner: Tensor, outer: Tensor, gate: Tensor) -> dict[str, Any]:
    """Sizes, and a tile's: so that registers hold half a dozen of them, as measured on an H100."""
    hidden, out = inner.shape[2], outer.shape[2]
    normed = outer.shape[1] == 8
    if gate.dtype != torch.float32:
        rows, warps, precision = 32 if normed else 64, 8, "tf32"
    elif max(hidden, out) <= 32:
        rows, warps, precision = 32, 4, "ieee"
    else:
        # tf32 three times over is as precise as float32
        rows, warps, precision = 32, 8, "tf32x3"
    return {
        "HIDDEN": hidden,
        "OUT": out,
        "NORMED": normed,
        "ROWS": rows,
        "PRECISION": precision,
        "num_warps": warps,
        "num_stages": 1,
    }


def _product_options(options: dict[str, Any]) -> dict[str, Any]:
    """The matrices' gradients are sums over long rows."""
    own = {"HIDDEN": options["HIDDEN"], "OUT": options["OUT"], "num_warps": options["num_warps"]}
    precision = "tf32" if options["PRECISION"] == "tf32" else "tf32x3"
    return {**own, "ROWS": 64, "PRECISION": precision, "num_stages": 3}


def _threshold(rate: float) -> int:
    return int(rate * 2.0**31)

"""The network's layers in torch operations: on a GPU, and where there is no C compiler.

Networks of one shape are computed side by side, (v, rows, features), in batched products.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hostcast.engines.fused.folding import SKIP_INPUT, SKIP_NORMED, FoldedGrn, FoldedSelection
from hostcast.engines.fused.recurrence import half_lstm

__all__ = [
    "attention",
    "attention_weights",
    "gate",
    "grn",
    "lstm",
    "recurrence",
    "selection",
    "selection_weights",
]


def selection(
    x: Tensor, context: Tensor | None, folded: FoldedSelection, rate: float
) -> tuple[Tensor, Tensor]:
    """See `hostcast.engines.fused.layers.select_variables`."""
    windows, steps, count = x.shape
    rows = x.reshape(windows * steps, count)
    outputs = _grn(rows.T[..., None], None, folded.single, rate)  # (variables, rows, width)
    if folded.joint is None:
        return outputs[0].view(windows, steps, -1), x.new_ones(windows, steps, 1)
    weights = selection_weights(x, context, folded.joint, rate)  # (rows, variables)
    if torch.compiler.is_compiling():
        # fused with what comes before it; without a compiler the sum would be a pass of its own
        out = (outputs * weights.T[..., None]).sum(dim=0).to(outputs.dtype)
    else:
        out = torch.einsum("vrh,rv->rh", outputs, weights.to(outputs.dtype))
    return out.view(windows, steps, -1), weights.view(windows, steps, count)


def selection_weights(x: Tensor, context: Tensor | None, joint: FoldedGrn, rate: float) -> Tensor:
    """How much each variable counts at each step: (windows, steps, variables) to (rows, variables)."""
    windows, steps, count = x.shape
    spread = None if context is None else _spread(context, steps)
    logits = _grn(x.reshape(1, windows * steps, count), spread, joint, rate)[0]
    return torch.softmax(logits, dim=-1)


def grn(x: Tensor, context: Tensor | None, folded: FoldedGrn, rate: float) -> Tensor:
    """See `hostcast.engines.fused.layers.gated_residual`."""
    windows, steps, width = x.shape
    spread = None if context is None else _spread(context, steps)
    return _grn(x.reshape(1, windows * steps, width), spread, folded, rate).view(windows, steps, -1)


def gate(
    x: Tensor, skip: Tensor, weight: Tensor, offset: Tensor, gain: Tensor, bias: Tensor, rate: float
) -> Tensor:
    """See `hostcast.engines.fused.layers.gated_skip`."""
    gated = F.glu(F.linear(F.dropout(x, rate), weight, offset), dim=-1)
    return F.layer_norm(gated + skip, gain.shape, gain, bias)


def lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    weight_in: Tensor,
    weight_hidden: Tensor,
    bias_in: Tensor,
    bias_hidden: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer of an LSTM; see `hostcast.engines.fused.layers.recur`."""
    first = state[0][None].contiguous(), state[1][None].contiguous()
    if x.is_cuda and torch.is_grad_enabled():
        if torch.is_autocast_enabled("cuda"):
            return half_lstm(x, state, weight_in, weight_hidden, bias_in + bias_hidden)
        out, hidden, cell = recurrence(x, first, weight_in, weight_hidden, bias_in + bias_hidden)
    else:
        out, hidden, cell = _lstm(x, first, [weight_in, weight_hidden, bias_in, bias_hidden])
    return out, hidden[0], cell[0]


def recurrence(
    x: Tensor, state: tuple[Tensor, Tensor], weight_in: Tensor, weight_hidden: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """An LSTM of which cuDNN computes the recurrence alone, in training.

    It sums the gradients of biases, even of biases that are not there, in a kernel that takes six times as
    long as the whole recurrence. So the gates enter it through a matrix of ones on the diagonal, and the
    gradients of all weights are products outside.

    Args:
        x: (windows, steps, width).
        state: hidden and cell, (1, windows, inner) each.
        weight_in, weight_hidden, bias: (4 inner, width), (4 inner, inner), (4 inner,).
    """
    gates = F.linear(x, weight_in, bias)
    kept: list[Tensor] = []
    gates = HiddenWeight.apply(gates, weight_hidden, kept)
    through = torch.eye(len(bias), dtype=bias.dtype, device=bias.device)
    out, hidden, cell = _lstm(gates, state, [through, weight_hidden.detach()])
    kept += [state[0][0].detach(), out.detach()]
    return out, hidden, cell


class HiddenWeight(torch.autograd.Function):
    """Gives the recurrence's weights their gradient once that of the gates is known."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, kept: list[Tensor]) -> Tensor:
        ctx.kept, ctx.dtype = kept, weight.dtype
        return gates.view_as(gates)

    @staticmethod
    def backward(ctx: Any, down: Tensor) -> tuple[Tensor, Tensor, None]:
        first, out = ctx.kept
        before = torch.cat([first[:, None].to(out.dtype), out[:, :-1]], dim=1).to(down.dtype)
        pieces = _pieces(down.shape[0] * down.shape[1])
        weight = torch.bmm(
            down.reshape(pieces, -1, down.shape[2]).transpose(1, 2), before.reshape(pieces, -1, out.shape[2])
        )
        return down, weight.sum(dim=0, dtype=ctx.dtype), None


def _lstm(x: Tensor, state: tuple[Tensor, Tensor], weights: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    out: tuple[Tensor, Tensor, Tensor] = torch._VF.lstm(
        x, state, weights, len(weights) == 4, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    return out


def attention(query: Tensor, key: Tensor, value: Tensor, lengths: Tensor | None) -> Tensor:
    """See `hostcast.engines.fused.layers.attend`."""
    hidden = _hidden(query.shape[1], key.shape[1], lengths, query.device)
    bias = torch.zeros(hidden.shape, dtype=query.dtype, device=query.device).masked_fill(
        hidden, -float("inf")
    )
    heads = query.shape[2]
    out = F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value[:, None].expand(-1, heads, -1, -1),
        attn_mask=bias if lengths is None else bias[:, None],
    )
    return out.transpose(1, 2)


def attention_weights(query: Tensor, key: Tensor, lengths: Tensor | None) -> Tensor:
    """What `attention` weighs the values with: (windows, horizon, heads, steps)."""
    scores = torch.einsum("bqhd,bkhd->bqhk", query.float(), key.float()) / query.shape[-1] ** 0.5
    hidden = _hidden(query.shape[1], key.shape[1], lengths, query.device)
    return torch.softmax(scores.masked_fill(hidden.unsqueeze(-2), -float("inf")), dim=-1)


def _hidden(horizon: int, steps: int, lengths: Tensor | None, device: torch.device) -> Tensor:
    """([windows,] horizon, steps): True where a query must not look."""
    history = steps - horizon
    place = torch.arange(steps, device=device)
    ahead = torch.arange(horizon, device=device)
    hidden = place - history >= ahead[:, None]
    if lengths is None:
        return hidden
    padding = (place >= lengths[:, None]) & (place < history)  # (windows, steps)
    return hidden | padding[:, None]


def _spread(context: Tensor, steps: int) -> Tensor:
    return context[:, None].expand(-1, steps, -1).reshape(1, -1, context.shape[-1])


def _grn(x: Tensor, context: Tensor | None, net: FoldedGrn, rate: float) -> Tensor:
    """(v, rows, n) to (v, rows, o)."""
    hidden = _affine(x, net.first, net.first_bias)
    if context is not None:
        hidden = hidden + context
    hidden = F.elu(hidden)
    if net.second is not None and net.second_bias is not None:
        hidden = _affine(hidden, net.second, net.second_bias)
    gated = F.glu(_affine(F.dropout(hidden, rate), net.gate, net.gate_bias), dim=-1)
    skip = x
    if net.skip != SKIP_INPUT:
        assert net.skip_map is not None and net.skip_offset is not None
        skip = _affine(x, net.skip_map, net.skip_offset)
    if net.skip == SKIP_NORMED:
        assert net.skip_gain is not None and net.skip_bias is not None
        skip = _norm(skip, net.skip_gain, net.skip_bias)
    return _norm(gated + skip, net.gain, net.bias)


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if weight.shape[-1] == 1:
        return x * weight.transpose(1, 2) + bias[:, None]
    count, rows, _ = x.shape
    pieces = _pieces(rows) if count > 1 else 1
    # few large products of thin matrices leave a GPU idle when their gradients are summed over all rows: cut
    # the rows in pieces, each with weights of its own
    out = torch.baddbmm(
        bias[:, None, None].expand(-1, pieces, -1, -1).flatten(0, 1),
        x.reshape(count * pieces, rows // pieces, -1),
        weight.transpose(1, 2)[:, None].expand(-1, pieces, -1, -1).flatten(0, 1),
    )
    return out.view(count, rows, -1)


def _pieces(rows: int) -> int:
    pieces = 1
    while pieces < 32 and rows % (2 * pieces) == 0 and rows // (2 * pieces) >= 1024:
        pieces *= 2
    return pieces


def _norm(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:]) * gain[:, None] + bias[:, None]

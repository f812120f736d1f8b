"""The network's layers in torch operations: on a GPU, and where there is no C compiler.

Networks of one shape are computed side by side, (v, rows, features), in batched products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hostcast.engines.fused.folding import SKIP_INPUT, SKIP_NORMED, FoldedGrn, FoldedSelection
from hostcast.engines.fused.recurrence import half_lstm

__all__ = ["attention", "attention_weights", "gate", "grn", "lstm", "selection"]


def selection(
    x: Tensor, context: Tensor | None, folded: FoldedSelection, rate: float
) -> tuple[Tensor, Tensor]:
    """See `hostcast.engines.fused.layers.select_variables`."""
    windows, steps, count = x.shape
    rows = x.reshape(windows * steps, count)
    outputs = _grn(rows.T[..., None], None, folded.single, rate)  # (variables, rows, width)
    if folded.joint is None:
        return outputs[0].view(windows, steps, -1), x.new_ones(windows, steps, 1)
    spread = None if context is None else _spread(context, steps)
    logits = _grn(rows[None], spread, folded.joint, rate)[0]
    weights = torch.softmax(logits, dim=-1)  # (rows, variables)
    if torch.compiler.is_compiling():
        # fused with what comes before it; without a compiler the sum would be a pass of its own
        out = (outputs * weights.T[..., None]).sum(dim=0).to(outputs.dtype)
    else:
        out = torch.einsum("vrh,rv->rh", outputs, weights.to(outputs.dtype))
    return out.view(windows, steps, -1), weights.view(windows, steps, count)


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
    if x.is_cuda and torch.is_autocast_enabled("cuda"):
        return half_lstm(x, state, weight_in, weight_hidden, bias_in + bias_hidden)
    hidden, cell = (part[None].contiguous() for part in state)
    weights = [weight_in, weight_hidden, bias_in, bias_hidden]
    out, hidden, cell = torch._VF.lstm(
        x, (hidden, cell), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    return out, hidden[0], cell[0]


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

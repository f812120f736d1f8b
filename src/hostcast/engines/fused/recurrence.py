"""The LSTM on a GPU in half precision."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["half_lstm"]

# aten::_cudnn_rnn's code
LSTM = 2


class _HalfLstm(torch.autograd.Function):
    """cuDNN's recurrence between products of our own.

    cuDNN sums the gradients of weights and biases over all steps in kernels that take longer than the
    recurrence. Given projected gates, and the identity to project them with, the gradient of its input is
    that of the gates, from which two large products make the rest.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        hidden: Tensor,
        cell: Tensor,
        weight_in: Tensor,
        weight_hidden: Tensor,
        bias: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        width = hidden.shape[1]
        gates = F.linear(x.half(), weight_in.half(), bias.half())
        identity = torch.eye(4 * width, dtype=torch.half, device=x.device)
        weights = [identity, weight_hidden.half()]
        state = hidden[None].half().contiguous(), cell[None].half().contiguous()
        shape: Any = (LSTM, width, 0, 1, True, 0.0, True, False, [], None)
        out, end_hidden, end_cell, reserve, buffer = torch.ops.aten._cudnn_rnn(
            gates, weights, 2, None, *state, *shape
        )
        ctx.save_for_backward(x, gates, *weights, *state, out, reserve, buffer, weight_in)
        ctx.shape = shape
        # not in fp16, in which the gradients that come back would vanish
        return out.bfloat16(), end_hidden[0].float(), end_cell[0].float()

    @staticmethod
    def backward(ctx: Any, *down: Tensor) -> tuple[Tensor, ...]:
        x, gates, identity, weight, hidden, cell, out, reserve, buffer, weight_in = ctx.saved_tensors
        # the largest gradient becomes 1: those of single steps are too small for fp16
        largest = torch.stack([part.abs().amax().float() for part in down]).amax()
        scale = largest.clamp(min=torch.finfo(torch.float32).tiny).reciprocal()
        scaled = [(part * scale).half().contiguous() for part in down]
        dgates, dhidden, dcell, _ = torch.ops.aten._cudnn_rnn_backward(
            gates, [identity, weight], 2, buffer, hidden, cell, out,
            scaled[0], scaled[1][None], scaled[2][None], *ctx.shape, reserve, [True, True, True, False],
        )  # fmt: skip
        rows = dgates.bfloat16().flatten(0, 1)
        before = torch.cat([hidden[0][:, None], out[:, :-1]], dim=1)
        read = torch.cat([x.bfloat16(), before.bfloat16()], dim=-1).flatten(0, 1)
        dweights = (rows.T @ read).float() / scale
        dbias = rows.sum(dim=0, dtype=torch.float32) / scale
        dx = (rows @ (weight_in / scale).bfloat16()).view(x.shape).to(x.dtype)
        dhidden, dcell = (part[0].float() / scale for part in (dhidden, dcell))
        columns = x.shape[-1]
        return dx, dhidden, dcell, dweights[:, :columns], dweights[:, columns:], dbias


def half_lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    weight_in: Tensor,
    weight_hidden: Tensor,
    bias: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer of an LSTM, in fp16 with gradients in bf16.

    Args:
        x: (windows, steps, inputs).
        state: hidden and cell, (windows, width) each.
        weight_in, weight_hidden, bias: (4 width, inputs), (4 width, width), (4 width,), fp32.

    Returns:
        (windows, steps, width), bf16, and the hidden and the cell state at the end, fp32.
    """
    with torch.autocast(x.device.type, enabled=False):
        hidden, cell = (part.float() for part in state)
        results: tuple[Tensor, Tensor, Tensor] = _half_lstm(x, hidden, cell, weight_in, weight_hidden, bias)
    return results


_half_lstm: Any = _HalfLstm.apply

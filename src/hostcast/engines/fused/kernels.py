"""The C kernels as differentiable functions of tensors on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hostcast.native import CHUNKS, LONG, REAL, Kernels, pointer, run_kernel

__all__ = ["attention", "decode", "enrich", "gate", "grn", "lstm", "mean_attention", "selection"]


class SelectionKernel(torch.autograd.Function):
    """native/selection.c"""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any,
        kernels: Kernels,
        x: Tensor,
        context: Tensor | None,
        packed: Tensor,
        shape: tuple[int, ...],
        rate: float,
        seed: int,
    ) -> tuple[Tensor, Tensor]:
        x, packed = x.contiguous(), packed.contiguous()
        context = None if context is None else context.contiguous()
        windows, steps, stride = x.shape
        variables, _, width = shape[:3]
        out = x.new_empty(windows, steps, width)
        weights = x.new_empty(windows, steps, variables)
        shared = _shared(x, variables) if rate == 0 and not any(ctx.needs_input_grad) else None
        head = (pointer(x), LONG(stride), pointer(context), pointer(packed), *shape, steps)
        tail = (REAL(rate), LONG(seed), *map(pointer, (shared, out, weights)))

        def run(chunk: int, first: int, last: int) -> int:
            return int(kernels.hostcast_selection_forward(*head, LONG(first), LONG(last), *tail))

        run_kernel(run, windows)
        ctx.save_for_backward(x, context, packed)
        ctx.kernels, ctx.shape, ctx.rate, ctx.seed = kernels, shape, rate, seed
        ctx.mark_non_differentiable(weights)
        return out, weights

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, dout: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        x, context, packed = ctx.saved_tensors
        windows, steps, stride = x.shape
        dout = dout.contiguous()
        dpacked = packed.new_zeros(CHUNKS, packed.numel())
        dcontext = None if context is None else torch.zeros_like(context)
        head = (pointer(x), LONG(stride), pointer(context), pointer(packed), *ctx.shape, steps)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                ctx.kernels.hostcast_selection_backward(
                    *head, LONG(first), LONG(last), REAL(ctx.rate), LONG(ctx.seed),
                    pointer(dout), pointer(dpacked[chunk]), pointer(dcontext),
                )
            )  # fmt: skip

        run_kernel(run, windows)
        return None, None, dcontext, dpacked.sum(dim=0).view_as(packed), None, None, None


class GrnKernel(torch.autograd.Function):
    """native/gating.c, hostcast_grn_*"""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any, kernels: Kernels, x: Tensor, context: Tensor | None, packed: Tensor, rate: float, seed: int
    ) -> Tensor:
        x, packed = x.contiguous(), packed.contiguous()
        context = None if context is None else context.contiguous()
        windows, steps, width = x.shape
        out = torch.empty_like(x)
        head = (pointer(x), pointer(context), pointer(packed), width, steps)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                kernels.hostcast_grn_forward(
                    *head, LONG(first), LONG(last), REAL(rate), LONG(seed), pointer(out)
                )
            )

        run_kernel(run, windows)
        ctx.save_for_backward(x, context, packed)
        ctx.kernels, ctx.rate, ctx.seed = kernels, rate, seed
        return out

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        x, context, packed = ctx.saved_tensors
        windows, steps, width = x.shape
        dout = dout.contiguous()
        dx = torch.empty_like(x)
        dpacked = packed.new_zeros(CHUNKS, packed.numel())
        dcontext = None if context is None else torch.zeros_like(context)
        head = (pointer(x), pointer(context), pointer(packed), width, steps)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                ctx.kernels.hostcast_grn_backward(
                    *head, LONG(first), LONG(last), REAL(ctx.rate), LONG(ctx.seed),
                    pointer(dout), pointer(dx), pointer(dpacked[chunk]), pointer(dcontext),
                )
            )  # fmt: skip

        run_kernel(run, windows)
        return None, dx, dcontext, dpacked.sum(dim=0).view_as(packed), None, None


class GateKernel(torch.autograd.Function):
    """native/gating.c, hostcast_gate_*"""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any, kernels: Kernels, x: Tensor, skip: Tensor, packed: Tensor, rate: float, seed: int
    ) -> Tensor:
        x, skip, packed = x.contiguous(), skip.contiguous(), packed.contiguous()
        width = x.shape[-1]
        out = torch.empty_like(x)
        head = (pointer(x), pointer(skip), pointer(packed), width)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                kernels.hostcast_gate_forward(
                    *head, LONG(first), LONG(last), REAL(rate), LONG(seed), pointer(out)
                )
            )

        run_kernel(run, x.numel() // width)
        ctx.save_for_backward(x, skip, packed)
        ctx.kernels, ctx.rate, ctx.seed = kernels, rate, seed
        return out

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        x, skip, packed = ctx.saved_tensors
        width = x.shape[-1]
        dout = dout.contiguous()
        dx, dskip = torch.empty_like(x), torch.empty_like(x)
        dpacked = packed.new_zeros(CHUNKS, packed.numel())
        head = (pointer(x), pointer(skip), pointer(packed), width)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                ctx.kernels.hostcast_gate_backward(
                    *head, LONG(first), LONG(last), REAL(ctx.rate), LONG(ctx.seed),
                    pointer(dout), pointer(dx), pointer(dskip), pointer(dpacked[chunk]),
                )
            )  # fmt: skip

        run_kernel(run, x.numel() // width)
        return None, dx, dskip, dpacked.sum(dim=0).view_as(packed), None, None


class AttentionKernel(torch.autograd.Function):
    """native/attention.c"""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any,
        kernels: Kernels,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        lengths: Tensor | None,
    ) -> Tensor:
        query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
        out = torch.empty_like(query)
        _attend(kernels, query, key, value, lengths, out, together=False)
        ctx.save_for_backward(query, key, value, lengths)
        ctx.kernels = kernels
        return out

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, lengths = ctx.saved_tensors
        windows, horizon, heads, depth = query.shape
        history = key.shape[1] - horizon
        dout = dout.contiguous()
        grads = [torch.empty_like(tensor) for tensor in (query, key, value)]
        head = (*map(pointer, (query, key, value, lengths)), history, horizon, heads, depth)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                ctx.kernels.hostcast_attention_backward(
                    *head, LONG(first), LONG(last), pointer(dout), *map(pointer, grads)
                )
            )

        run_kernel(run, windows)
        return None, *grads, None


class LstmKernel(torch.autograd.Function):
    """native/recurrence.c"""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any,
        kernels: Kernels,
        x: Tensor,
        hidden: Tensor,
        cell: Tensor,
        packed: Tensor,
        lengths: Tensor | None,
        training: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        x, hidden, cell, packed = (tensor.contiguous() for tensor in (x, hidden, cell, packed))
        windows, steps, width = x.shape
        inner = hidden.shape[1]
        lanes = kernels.hostcast_lanes()
        blocks = -(-windows // lanes)
        out = x.new_empty(windows, steps, inner)
        last_hidden, last_cell = torch.empty_like(hidden), torch.empty_like(cell)
        kept = x.new_empty(blocks * steps * 5 * inner * lanes) if training else None
        head = (*map(pointer, (x, hidden, cell, packed, lengths)), LONG(windows), steps, width, inner)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                kernels.hostcast_lstm_forward(
                    *head, LONG(first), LONG(last), *map(pointer, (out, last_hidden, last_cell, kept))
                )
            )

        run_kernel(run, blocks)
        ctx.save_for_backward(x, hidden, cell, packed, lengths, out, kept)
        ctx.kernels, ctx.blocks = kernels, blocks
        return out, last_hidden, last_cell

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, *downstream: Tensor) -> tuple[Tensor | None, ...]:
        x, hidden, cell, packed, lengths, out, kept = ctx.saved_tensors
        windows, steps, width = x.shape
        inner = hidden.shape[1]
        downstream = tuple(gradient.contiguous() for gradient in downstream)
        grads = [torch.empty_like(tensor) for tensor in (x, hidden, cell)]
        dpacked = packed.new_zeros(CHUNKS, packed.numel())
        head = (*map(pointer, (x, hidden, cell, packed, lengths)), LONG(windows), steps, width, inner)

        def run(chunk: int, first: int, last: int) -> int:
            return int(
                ctx.kernels.hostcast_lstm_backward(
                    *head,
                    LONG(first),
                    LONG(last),
                    *map(pointer, (out, kept, *downstream, *grads, dpacked[chunk])),
                )
            )

        run_kernel(run, ctx.blocks)
        return None, *grads, dpacked.sum(dim=0).view_as(packed), None, None


def mean_attention(
    kernels: Kernels, query: Tensor, key: Tensor, value: Tensor, lengths: Tensor | None
) -> Tensor:
    """The mean of `attention` over the heads, (windows, horizon, depth), without a gradient."""
    windows, horizon, _, depth = query.shape
    query, key, value = (tensor.float().contiguous() for tensor in (query, key, value))
    out = query.new_empty(windows, horizon, depth)
    _attend(kernels, query, key, value, lengths, out, together=True)
    return out


def _attend(
    kernels: Kernels,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    lengths: Tensor | None,
    out: Tensor,
    *,
    together: bool,
) -> None:
    windows, horizon, heads, depth = query.shape
    history = key.shape[1] - horizon
    head = (*map(pointer, (query, key, value, lengths)), history, horizon, heads, depth)

    def run(chunk: int, first: int, last: int) -> int:
        return int(
            kernels.hostcast_attention_forward(*head, LONG(first), LONG(last), int(together), pointer(out))
        )

    run_kernel(run, windows)


def enrich(
    kernels: Kernels,
    parts: Sequence[tuple[Tensor, Tensor]],
    context: Tensor,
    packed: Tensor,
    code: int,
    widths: tuple[int, int, int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """native/enrichment.c, without a gradient.

    Args:
        kernels: the library.
        parts: of the history and of the horizon: what comes out of the LSTM, and what went in.
        context: (windows, width).
        packed: the gate, the enrichment's network and the projection.
        code: the network's kind.
        widths: of keys, values and queries.

    Returns:
        What the gate and the network make of the horizon's steps; keys and values of all steps; queries of
        the horizon's.
    """
    keys, values, queries = widths
    context, packed = context.float().contiguous(), packed.float().contiguous()
    (windows, history, width), horizon = parts[0][0].shape, parts[1][0].shape[1]
    local, enriched = (context.new_empty(windows, horizon, width) for _ in range(2))
    key, value = (context.new_empty(windows, history + horizon, size) for size in (keys, values))
    query = context.new_empty(windows, horizon, queries)
    for (x, skip), place, out in zip(
        parts, (0, history), ((None, None, None), (local, enriched, query)), strict=True
    ):
        x, skip = x.contiguous(), skip.contiguous()
        head = (*map(pointer, (x, skip, context, packed)), width, code, x.shape[1])
        tail = (*widths, place, history + horizon, *map(pointer, (out[0], out[1], key, value, out[2])))

        def run(chunk: int, first: int, last: int, head: Any = head, tail: Any = tail) -> int:
            return int(kernels.hostcast_enrich(*head, LONG(first), LONG(last), *tail))

        run_kernel(run, windows)
    return local, enriched, key, value, query


def decode(
    kernels: Kernels,
    heads: Tensor,
    enriched: Tensor,
    local: Tensor,
    packed: Tensor,
    code: int,
    outputs: int,
) -> Tensor:
    """native/decoding.c, without a gradient: (windows, horizon, outputs).

    Args:
        kernels: the library.
        heads: (windows, horizon, depth), the mean of attention's heads.
        enriched, local: (windows, horizon, width), beside it.
        packed: the map behind the heads, gate, feed-forward network, gate and output.
        code: the network's kind.
        outputs: numbers at each step.
    """
    heads, enriched, local, packed = (x.float().contiguous() for x in (heads, enriched, local, packed))
    windows, horizon, depth = heads.shape
    out = heads.new_empty(windows, horizon, outputs)
    head = (*map(pointer, (heads, enriched, local, packed)), depth, local.shape[-1], code, outputs)

    def run(chunk: int, first: int, last: int) -> int:
        return int(kernels.hostcast_decode(*head, LONG(first), LONG(last), pointer(out)))

    run_kernel(run, windows * horizon)
    return out


def _shared(x: Tensor, variables: int) -> Tensor | None:
    """Which variables are the same in all windows, (variables,) int32; None where none is."""
    if len(x) < CHUNKS:
        return None
    shared = (x[:, :, :variables] == x[:1, :, :variables]).all(dim=0).all(dim=0)
    return shared.int() if bool(shared.any()) else None


selection = SelectionKernel.apply
grn = GrnKernel.apply
gate = GateKernel.apply
attention = AttentionKernel.apply
lstm = LstmKernel.apply

"""The gradients of `triton_kernels`.

The backward pass computes the forward pass again, which is cheaper than to write it to memory and to read it
back. Each program sums the gradients of its own piece of the rows: no sum depends on which comes first.
"""

from __future__ import annotations

import triton
import triton.language as tl

from hostcast.engines.fused.triton_kernels import SIZES, column, elu, kept, matrix, standardized

__all__ = ["BLOCK", "backward", "products"]

# rows of a piece are a multiple of this, and so are the places of its tiles in memory
BLOCK = 128
_BLOCK = tl.constexpr(BLOCK)


@triton.jit(do_not_specialize=SIZES)
def backward(
    x, weights, inner, outer, second, gate, seed, down,
    dweights, dinner, douter, dropped_tiles, ddense_tiles, dgate_tiles,
    rows, variables, blocks, threshold, scale,
    HIDDEN: tl.constexpr, OUT: tl.constexpr, ROWS: tl.constexpr,
    NORMED: tl.constexpr, DROPS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """All gradients of one variable's network on one piece of the rows, tile by tile.

    Of the two maps' and the gate's matrices it leaves what their gradients are products of, see `products`:
    what was dropped out, and the gradients of the dense layer's output and of the gate's input.
    """
    VECTORS: tl.constexpr = 8 if NORMED else 6
    dtype = gate.dtype.element_ty
    variable = tl.program_id(0)
    piece = tl.program_id(1)
    network = (piece * variables + variable).to(tl.int64)
    length = blocks * _BLOCK
    inner += variable * 3 * HIDDEN
    outer += variable * VECTORS * OUT
    square = matrix(second + variable * HIDDEN * HIDDEN, HIDDEN, HIDDEN)
    values = matrix(gate + variable * 2 * OUT * HIDDEN, OUT, HIDDEN)
    shares = matrix(gate + variable * 2 * OUT * HIDDEN + OUT * HIDDEN, OUT, HIDDEN)
    dfirst_weight = tl.zeros((HIDDEN,), tl.float32)
    dfirst_bias = tl.zeros((HIDDEN,), tl.float32)
    dsecond_bias = tl.zeros((HIDDEN,), tl.float32)
    dvalue_bias = tl.zeros((OUT,), tl.float32)
    dshare_bias = tl.zeros((OUT,), tl.float32)
    dgain = tl.zeros((OUT,), tl.float32)
    dbias = tl.zeros((OUT,), tl.float32)
    dskip_map = tl.zeros((OUT,), tl.float32)
    dskip_offset = tl.zeros((OUT,), tl.float32)
    if NORMED:
        dskip_gain = tl.zeros((OUT,), tl.float32)
        dskip_bias = tl.zeros((OUT,), tl.float32)
    m = tl.arange(0, HIDDEN)[:, None]
    o = tl.arange(0, OUT)[:, None]
    x += piece.to(tl.int64) * length * variables + variable
    weights += piece.to(tl.int64) * length * variables + variable
    dweights += piece.to(tl.int64) * length * variables + variable
    down += piece.to(tl.int64) * length * OUT
    dropped_tiles += network * HIDDEN * length
    ddense_tiles += network * HIDDEN * length
    dgate_tiles += network * 2 * OUT * length
    rows -= piece * length
    for block in range(length // ROWS):
        row = block * ROWS + tl.arange(0, ROWS)
        live = row < rows
        number = tl.load(x + row * variables, mask=live, other=0.0)[None, :]
        downstream = tl.load(down + row[None, :] * OUT + o, mask=live[None, :], other=0.0)
        hidden = elu(column(inner, 0, HIDDEN) * number + column(inner, 1, HIDDEN), dtype)
        dense = tl.dot(square, hidden, input_precision=PRECISION) + column(inner, 2, HIDDEN)
        if DROPS:
            dense = tl.where(
                kept(piece * length + row, variable, seed, threshold, HIDDEN), dense * scale, 0.0
            )
        dropped = dense.to(dtype)
        tl.store(dropped_tiles + m * length + row[None, :], dropped)
        value = tl.dot(values, dropped, input_precision=PRECISION) + column(outer, 0, OUT)
        share = tl.dot(shares, dropped, input_precision=PRECISION) + column(outer, 1, OUT)
        share = 1.0 / (1.0 + tl.exp(-share))
        skip = column(outer, 4, OUT) * number + column(outer, 5, OUT)
        if NORMED:
            skip_normal, skip_deviation = standardized(skip, OUT)
            skip = skip_normal * column(outer, 6, OUT) + column(outer, 7, OUT)
        normal, deviation = standardized(value * share + skip, OUT)

        # the norm, weighed
        # nothing is added, but the sum lies in registers as its addends do, and no sum below is split
        downstream = downstream.to(tl.float32) + normal * 0.0
        weight = tl.load(weights + row * variables, mask=live, other=0.0)
        through = downstream * column(outer, 2, OUT)
        level = tl.sum(through, axis=0)
        along = tl.sum(through * normal, axis=0)
        dweight = along + tl.sum(downstream * column(outer, 3, OUT), axis=0)
        tl.store(dweights + row * variables, dweight, mask=live)
        downstream *= weight[None, :]
        dgain += tl.sum(downstream * normal, axis=1)
        dbias += tl.sum(downstream, axis=1)
        dsum = through - ((level * (1.0 / OUT))[None, :] + normal * (along * (1.0 / OUT))[None, :])
        dsum *= (deviation * weight)[None, :]
        # the gate; what is cheap is computed again below, for want of registers
        dvalue = dsum * share
        dshare = dvalue * value * (1.0 - share)
        dvalue_bias += tl.sum(dvalue, axis=1)
        dvalue_ = dvalue.to(dtype)
        tl.store(dgate_tiles + o * length + row[None, :], dvalue_)
        ddense = tl.dot(tl.trans(values), dvalue_, input_precision=PRECISION)
        dshare_bias += tl.sum(dshare, axis=1)
        dshare_ = dshare.to(dtype)
        tl.store(dgate_tiles + OUT * length + o * length + row[None, :], dshare_)
        ddense = tl.dot(tl.trans(shares), dshare_, ddense, input_precision=PRECISION)
        # the residual
        if NORMED:
            dskip_gain += tl.sum(dsum * skip_normal, axis=1)
            dskip_bias += tl.sum(dsum, axis=1)
            dsum *= column(outer, 6, OUT)
            level = tl.sum(dsum, axis=0) * (1.0 / OUT)
            along = tl.sum(dsum * skip_normal, axis=0) * (1.0 / OUT)
            dsum = (dsum - (level[None, :] + skip_normal * along[None, :])) * skip_deviation[None, :]
        dskip_map += tl.sum(dsum * number, axis=1)
        dskip_offset += tl.sum(dsum, axis=1)
        # the two maps before the gate
        if DROPS:
            ddense = tl.where(
                kept(piece * length + row, variable, seed, threshold, HIDDEN), ddense * scale, 0.0
            )
        dsecond_bias += tl.sum(ddense, axis=1)
        ddense_ = ddense.to(dtype)
        tl.store(ddense_tiles + m * length + row[None, :], ddense_)
        dhidden = tl.dot(tl.trans(square), ddense_, input_precision=PRECISION)
        before = column(inner, 0, HIDDEN) * number + column(inner, 1, HIDDEN)
        dhidden *= tl.where(before > 0, 1.0, tl.exp(before))
        dfirst_weight += tl.sum(dhidden * number, axis=1)
        dfirst_bias += tl.sum(dhidden, axis=1)
    to_inner = dinner + network * 3 * HIDDEN + tl.arange(0, HIDDEN)
    tl.store(to_inner, dfirst_weight)
    tl.store(to_inner + HIDDEN, dfirst_bias)
    tl.store(to_inner + 2 * HIDDEN, dsecond_bias)
    to_outer = douter + network * VECTORS * OUT + tl.arange(0, OUT)
    tl.store(to_outer, dvalue_bias)
    tl.store(to_outer + OUT, dshare_bias)
    tl.store(to_outer + 2 * OUT, dgain)
    tl.store(to_outer + 3 * OUT, dbias)
    tl.store(to_outer + 4 * OUT, dskip_map)
    tl.store(to_outer + 5 * OUT, dskip_offset)
    if NORMED:
        tl.store(to_outer + 6 * OUT, dskip_gain)
        tl.store(to_outer + 7 * OUT, dskip_bias)


@triton.jit(do_not_specialize=SIZES)
def products(
    x, inner, dropped_tiles, ddense_tiles, dgate_tiles, dsecond, dgate, rows, variables, blocks,
    HIDDEN: tl.constexpr, OUT: tl.constexpr, ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of one matrix of one variable's network, summed over a piece of the rows.

    The third axis of the grid is the matrix: the second map, the gate's values, its shares.
    """
    dtype = dropped_tiles.dtype.element_ty
    variable, piece, which = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    network = (piece * variables + variable).to(tl.int64)
    length = blocks * _BLOCK
    m = tl.arange(0, HIDDEN)[:, None]
    o = tl.arange(0, OUT)[:, None]
    if which == 0:
        x += piece.to(tl.int64) * length * variables + variable
        inner += variable * 3 * HIDDEN
        ddense_tiles += network * HIDDEN * length
        squares = tl.zeros((HIDDEN, HIDDEN), tl.float32)
        for block in range(length // ROWS):
            row = block * ROWS + tl.arange(0, ROWS)
            number = tl.load(x + row * variables, mask=row < rows - piece * length, other=0.0)[None, :]
            hidden = elu(column(inner, 0, HIDDEN) * number + column(inner, 1, HIDDEN), dtype)
            down = tl.load(ddense_tiles + m * length + row[None, :])
            squares = tl.dot(down, tl.trans(hidden), squares, input_precision=PRECISION)
        tl.store(dsecond + network * HIDDEN * HIDDEN + m * HIDDEN + tl.arange(0, HIDDEN)[None, :], squares)
    else:
        dropped_tiles += network * HIDDEN * length
        dgate_tiles += (network * 2 + which - 1) * OUT * length
        oblongs = tl.zeros((OUT, HIDDEN), tl.float32)
        for block in range(length // ROWS):
            row = block * ROWS + tl.arange(0, ROWS)
            dropped = tl.load(dropped_tiles + m * length + row[None, :])
            down = tl.load(dgate_tiles + o * length + row[None, :])
            oblongs = tl.dot(down, tl.trans(dropped), oblongs, input_precision=PRECISION)
        dgate += (network * 2 + which - 1) * OUT * HIDDEN
        tl.store(dgate + o * HIDDEN + tl.arange(0, HIDDEN)[None, :], oblongs)

"""Variable selection's networks of single numbers as Triton kernels, for a GPU.

A block of rows is a tile (features, rows) in registers, from the number that enters to the norm's output:
what lies between never reaches memory. A tile's first axis is the features, so that sums over features and
over rows both stay cheap, and a thread holds the weights of a feature or two.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["SIZES", "column", "elu", "forward", "kept", "matrix", "standardized"]

EPSILON = tl.constexpr(1e-5)

# another batch size must not be another kernel
SIZES = ["rows", "variables", "blocks", "threshold"]


@triton.jit
def elu(x, dtype: tl.constexpr):
    exponential = tl.exp(x) - 1.0
    if dtype == tl.float32:
        # near zero the difference to one would be all rounding
        small = x * (1.0 + x * (1.0 / 2 + x * (1.0 / 6 + x * (1.0 / 24))))
        exponential = tl.where(x > -0.05, small, exponential)
    return tl.where(x > 0, x, exponential).to(dtype)


@triton.jit
def standardized(x, WIDTH: tl.constexpr):
    x -= (tl.sum(x, axis=0) * (1.0 / WIDTH))[None, :]
    deviation = tl.rsqrt(tl.sum(x * x, axis=0) * (1.0 / WIDTH) + EPSILON)
    return x * deviation[None, :], deviation


@triton.jit
def column(vectors, place: tl.constexpr, WIDTH: tl.constexpr):
    return tl.load(vectors + place * WIDTH + tl.arange(0, WIDTH))[:, None]


@triton.jit
def matrix(weights, HEIGHT: tl.constexpr, WIDTH: tl.constexpr):
    return tl.load(weights + tl.arange(0, HEIGHT)[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :])


@triton.jit
def _keys(row, seed):
    """A row's own random number: the hash in native/lanes.h."""
    key = row.to(tl.uint32) ^ tl.load(seed).to(tl.uint32)
    key ^= key >> 16
    key *= 0x21F0AAAD
    key ^= key >> 15
    key *= 0xD35A2D97
    return key ^ (key >> 15)


@triton.jit
def kept(row, variable, seed, threshold, WIDTH: tl.constexpr):
    """Which values of a tile are not dropped: the upper bits of the same hash, as far as they need it."""
    place = (variable * WIDTH + tl.arange(0, WIDTH)).to(tl.uint32) * 0x9E3779B1
    hash = (_keys(row, seed)[None, :] + place[:, None]) * 0x21F0AAAD
    hash ^= hash >> 15
    return hash * 0xD35A2D97 >= threshold.to(tl.uint32) * 2


@triton.jit(do_not_specialize=SIZES)
def forward(
    x, weights, inner, outer, second, gate, seed, out, rows, variables, threshold, scale,
    HIDDEN: tl.constexpr, OUT: tl.constexpr, ROWS: tl.constexpr,
    NORMED: tl.constexpr, DIRECT: tl.constexpr, DROPS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    VECTORS: tl.constexpr = 8 if NORMED else 6
    dtype = gate.dtype.element_ty
    first = tl.program_id(0).to(tl.int64) * ROWS
    row = tl.arange(0, ROWS)
    live = row < rows - first
    x += first * variables
    weights += first * variables
    mix = tl.zeros((OUT, ROWS), tl.float32)
    for variable in range(variables):
        number = tl.load(x + row * variables + variable, mask=live, other=0.0)[None, :]
        weight = tl.load(weights + row * variables + variable, mask=live, other=0.0)[None, :]
        in_ = inner + variable * 3 * HIDDEN
        out_ = outer + variable * VECTORS * OUT
        hidden = elu(column(in_, 0, HIDDEN) * number + column(in_, 1, HIDDEN), dtype)
        if not DIRECT:
            dense = tl.dot(
                matrix(second + variable * HIDDEN * HIDDEN, HIDDEN, HIDDEN), hidden, input_precision=PRECISION
            )
            dense += column(in_, 2, HIDDEN)
            if DROPS:
                dense = tl.where(kept(first + row, variable, seed, threshold, HIDDEN), dense * scale, 0.0)
            hidden = dense.to(dtype)
        gates = gate + variable * 2 * OUT * HIDDEN
        value = tl.dot(matrix(gates, OUT, HIDDEN), hidden, input_precision=PRECISION) + column(out_, 0, OUT)
        share = tl.dot(matrix(gates + OUT * HIDDEN, OUT, HIDDEN), hidden, input_precision=PRECISION) + column(
            out_, 1, OUT
        )
        value *= 1.0 / (1.0 + tl.exp(-share))
        skip = column(out_, 4, OUT) * number + column(out_, 5, OUT)
        if NORMED:
            skip, _ = standardized(skip, OUT)
            skip = skip * column(out_, 6, OUT) + column(out_, 7, OUT)
        normal, _ = standardized(value + skip, OUT)
        mix += (normal * column(out_, 2, OUT) + column(out_, 3, OUT)) * weight
    feature = tl.arange(0, OUT)[:, None]
    tl.store(
        out + first * OUT + row[None, :] * OUT + feature, mix.to(out.dtype.element_ty), mask=live[None, :]
    )

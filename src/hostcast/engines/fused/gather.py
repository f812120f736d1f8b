"""Cutting windows out of the series: by a C kernel on the CPU, by torch elsewhere.

Statistics of a window are taken in double precision, and scaled values rounded once.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from hostcast.engines.fused.series import Layout, Series
from hostcast.native import Kernels, load_kernels, run_chunks
from hostcast.windows import Batch
from hostcast.windows.spec import ABSENT

__all__ = ["gather", "gather_by_kernel", "gather_by_torch"]

NORMALIZERS = {"window": 0, "encoder": 1, "group": 2}
# added to a spread by pytorch-forecasting's EncoderNormalizer
EPSILON = torch.finfo(torch.float32).eps


def gather(
    series: Series, starts: Tensor, lengths: Tensor, servers: Tensor, *, full: bool, pinned: bool = False
) -> Batch:
    """The windows as a batch of the engine `fused`.

    Args:
        series: what they are cut from.
        starts: (batch,), int64; the row of each history's first step.
        lengths: (batch,), int64; steps of history.
        servers: (batch,), int64; place of the window's server.
        full: whether every history has encoder_length steps; lets shapes and work be the same each time.
        pinned: make page-locked tensors, for a GPU.
    """
    kernels = load_kernels() if series.device.type == "cpu" else None
    if kernels is None:
        return gather_by_torch(series, starts, lengths, servers, full=full)
    return gather_by_kernel(kernels, series, starts, lengths, servers, full=full, pinned=pinned)


def gather_by_torch(series: Series, starts: Tensor, lengths: Tensor, servers: Tensor, *, full: bool) -> Batch:
    """`gather` by torch's operations, without waiting for a GPU: a CUDA graph can hold them if `full`."""
    layout, matrix = series.layout, series.matrix
    known, behind = layout.known, layout.known + layout.targets
    steps = torch.arange(layout.encoder_length, device=matrix.device)
    rows = starts[:, None] + steps  # (batch, encoder_length)
    last = starts + lengths - 1  # (batch,)
    inside = None if full else steps < lengths[:, None]
    if inside is not None:
        rows = torch.minimum(rows, last[:, None])
    past = _rows_of(matrix, rows)  # (batch, encoder_length, columns)
    ahead = last[:, None] + torch.arange(1, layout.horizon + 1, device=matrix.device)  # (batch, horizon)
    future = _rows_of(matrix, ahead)  # (batch, horizon, columns)

    center, spread = _scale(series, past[..., known:behind], lengths, servers, inside)
    relative = series.relative
    if inside is None:
        elapsed = relative[: layout.encoder_length].expand(len(starts), -1)
    else:
        elapsed = relative[(layout.encoder_length - lengths[:, None] + steps).clamp(max=len(relative) - 1)]
    # filled part by part, which is several times faster on a CPU than torch.cat along the last axis
    history = past.new_empty(*past.shape[:2], past.shape[2] + 1)
    history[..., :known] = past[..., :known]
    history[..., known] = elapsed
    history[..., known + 1 : behind + 1] = (past[..., known:behind] - center[:, None]) / spread[:, None]
    history[..., behind + 1 :] = past[..., behind:]
    _scale_lags(layout, past, history, center, spread)
    if inside is not None:
        history.masked_fill_(~inside[..., None], 0.0)
    to_come = future.new_empty(*future.shape[:2], known + 1)
    to_come[..., :known] = future[..., :known]
    to_come[..., known] = relative[layout.encoder_length :]
    _scale_lags(layout, future, to_come, center, spread)
    return Batch(
        inputs={
            "history": history,
            "ahead": to_come,
            "categories": series.codes[servers],
            "lengths": lengths,
            "full": full,
        },
        target=(future[..., known:behind] - center[:, None]) / spread[:, None],
        observed=_rows_of(series.seen, ahead).float(),
        center=center,
        spread=spread,
    )


def _scale_lags(layout: Layout, rows: Tensor, out: Tensor, center: Tensor, spread: Tensor) -> None:
    """Fill in what is scaled as a target is; `out` has one column more than `rows` behind the known ones."""
    for column, target in layout.lags:
        place = column if column < layout.known else column + 1
        if place < out.shape[-1]:
            values = rows[..., column]
            scaled = (values - center[:, target, None]) / spread[:, target, None]
            out[..., place] = torch.where(values == ABSENT, 0.0, scaled)


def _rows_of(table: Tensor, rows: Tensor) -> Tensor:
    return table.index_select(0, rows.flatten()).view(*rows.shape, table.shape[1])


def _scale(
    series: Series, past: Tensor, lengths: Tensor, servers: Tensor, inside: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Center and spread of each window's targets, (batch, targets)."""
    layout = series.layout
    if layout.normalizer == "group":
        return series.centers[servers], series.spreads[servers]
    values = past.double()  # (batch, encoder_length, targets)
    counted = values if inside is None else values * inside[..., None]
    mean = counted.sum(dim=1) / lengths[:, None]
    deviation = values - mean[:, None]
    if inside is not None:
        deviation = deviation * inside[..., None]
    squares = deviation.square().sum(dim=1)
    if layout.normalizer == "encoder":
        spread = (squares / (lengths[:, None] - 1)).sqrt().float() + EPSILON
        return mean.float(), spread
    variance = squares / lengths[:, None]
    # behind its end, a history repeats its last step
    return past[:, -1], (variance + series.floors.square()).sqrt().float()


def gather_by_kernel(
    kernels: Kernels,
    series: Series,
    starts: Tensor,
    lengths: Tensor,
    servers: Tensor,
    *,
    full: bool,
    pinned: bool = False,
) -> Batch:
    """`gather` by gather.c, on all of torch's threads."""
    layout = series.layout
    windows = len(starts)

    def empty(*shape: int) -> Tensor:
        return torch.empty(windows, *shape, pin_memory=pinned)

    history = empty(layout.encoder_length, layout.known + 1 + layout.targets + layout.observed)
    ahead = empty(layout.horizon, layout.known + 1)
    target = empty(layout.horizon, layout.targets)
    observed = empty(layout.horizon, layout.targets)
    if layout.normalizer == "group":
        center, spread = series.centers[servers], series.spreads[servers]
    else:
        center, spread = empty(layout.targets), empty(layout.targets)
    lags = [number for pair in layout.lags for number in pair]
    shape = (ctypes.c_int64 * (7 + len(lags)))(
        layout.known,
        layout.targets,
        layout.observed,
        layout.encoder_length,
        layout.horizon,
        NORMALIZERS[layout.normalizer],
        len(layout.lags),
        *lags,
    )
    tensors = (
        series.matrix,
        series.seen,
        series.relative,
        series.floors,
        starts,
        lengths,
        history,
        ahead,
        target,
        observed,
        center,
        spread,
    )
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]

    def cut(_: int, first: int, last: int) -> None:
        kernels.gather_windows(ctypes.c_int64(first), ctypes.c_int64(last), shape, *pointers)

    run_chunks(cut, windows, torch.get_num_threads())
    return Batch(
        inputs={
            "history": history,
            "ahead": ahead,
            "categories": series.codes[servers],
            "lengths": lengths,
            "full": full,
        },
        target=target,
        observed=observed,
        center=center,
        spread=spread,
    )

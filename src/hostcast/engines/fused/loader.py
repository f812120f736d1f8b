"""Windows by index: until it is unpacked, a batch is a few numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from hostcast.engines.base import LoaderOptions
from hostcast.engines.fused.gather import gather
from hostcast.engines.fused.series import Series, SeriesStore
from hostcast.features import FeatureTable
from hostcast.splitting import Cutoffs
from hostcast.windows import Batch, EpochSampler, InputSpec, RunRows, cutoff_rows

__all__ = ["FusedSource", "WindowIndex", "WindowLoader"]

# of windows that are cut on a GPU at once: a kernel for each batch would take longer to launch than to run
CHUNK_BYTES = 64 << 20


class _Chunk:
    """Consecutive batches.

    Attributes:
        numbers: (3, windows), int64: first row, steps of history, server.
        full: whether every history has encoder_length steps.
    """

    def __init__(self, numbers: Tensor, *, full: bool) -> None:
        self.numbers = numbers
        self.full = full
        self._cut: dict[torch.device, Batch] = {}

    def cut(self, series: Series) -> Batch:
        """All windows, on the GPU of the series; cut once."""
        device = series.device
        if device not in self._cut:
            starts, lengths, servers = self.numbers.to(device, non_blocking=True)
            self._cut[device] = gather(series, starts, lengths, servers, full=self.full)
        return self._cut[device]


@dataclass(frozen=True)
class WindowIndex:
    """Which windows a batch holds.

    Attributes:
        store: what they are cut from.
        series: the same, on the device of this batch.
        chunk, first, last: where the indices stand.
        full: whether every history has encoder_length steps.
    """

    store: SeriesStore
    series: Series
    chunk: _Chunk
    first: int
    last: int
    full: bool

    @property
    def numbers(self) -> Tensor:
        """(3, batch), int64, on the host: first row, steps of history, server."""
        return self.chunk.numbers[:, self.first : self.last]

    def to(self, device: torch.device | str, **_: Any) -> WindowIndex | Batch:
        """The batch on another device: its index where the series are there too, else its windows."""
        device = torch.device(device)
        series = self.store.on(device)
        if series is None:
            return self._gathered(pinned=device.type == "cuda").to(device, non_blocking=True)
        return replace(self, series=series)

    def unpack(self) -> Batch:
        """The windows."""
        if self.series.device.type == "cpu":
            return self._gathered()
        return self.chunk.cut(self.series).part(self.first, self.last, full=self.full)

    def _gathered(self, *, pinned: bool = False) -> Batch:
        starts, lengths, servers = self.numbers
        return gather(self.store.host, starts, lengths, servers, full=self.full, pinned=pinned)


class WindowLoader:
    """Yields the windows that end their history at given rows.

    Attributes:
        sampler: draws the windows of an epoch; None = all of them, in order.
    """

    def __init__(
        self,
        store: SeriesStore,
        rows: npt.NDArray[np.int64] | RunRows,
        *,
        batch_size: int,
        options: LoaderOptions,
        sampler: EpochSampler | None,
    ) -> None:
        self.sampler = sampler
        # Lightning looks for one beside a sampler
        self.batch_sampler = None
        self._store = store
        self._rows = rows
        self._batch_size = batch_size
        self._options = options
        windows = len(rows) if sampler is None else len(sampler)
        # a batch of another size would be a step of another weight, unless it is the only one
        drop_last = sampler is not None and windows >= batch_size
        self._windows = windows - windows % batch_size if drop_last else windows

    def __len__(self) -> int:
        return -(-self._windows // self._batch_size)

    def __iter__(self) -> Iterator[WindowIndex]:
        order = None if self.sampler is None else self.sampler.order()
        size = self._store.host.layout.window_bytes * self._batch_size
        step = self._batch_size * max(1, CHUNK_BYTES // size)
        for first in range(0, self._windows, step):
            chosen = slice(first, min(first + step, self._windows))
            yield from self._batches(self._rows[chosen if order is None else order[chosen]])

    def _batches(self, rows: npt.NDArray[np.int64]) -> Iterator[WindowIndex]:
        part, parts = self._options.shard
        own = []
        for begin in range(0, len(rows), self._batch_size):
            batch = rows[begin : begin + self._batch_size]
            own.append(batch[len(batch) * part // parts : len(batch) * (part + 1) // parts])
        rows = np.concatenate(own)
        bounds, longest = self._store.bounds, self._store.host.layout.encoder_length
        server = np.searchsorted(bounds, rows, side="right") - 1
        length = np.minimum(rows - bounds[server] + 1, longest)
        full = length == longest
        numbers = torch.from_numpy(np.stack([rows + 1 - length, length, server]))
        if self._options.pin_memory:
            numbers = numbers.pin_memory()
        chunk = _Chunk(numbers, full=bool(full.all()))
        first = 0
        for batch in own:
            last = first + len(batch)
            all_full = chunk.full or bool(full[first:last].all())
            yield WindowIndex(self._store, self._store.host, chunk, first, last, all_full)
            first = last


class FusedSource:
    """See `WindowSource`.

    Args:
        features: the features table.
        spec: fitted inputs.
    """

    def __init__(self, features: FeatureTable, spec: InputSpec) -> None:
        self.store = SeriesStore(features, spec)
        self._spec = spec

    def loader(
        self,
        cutoffs: pd.DataFrame | Cutoffs,
        *,
        batch_size: int,
        options: LoaderOptions,
        windows_per_epoch: int | None = None,
        seed: int | None = None,
    ) -> WindowLoader:
        """See `WindowSource.loader`; no processes are needed, whatever the options say.

        Each of several shards yields its own slice of every batch; `batch_size` is that of all together.
        """
        store = self.store
        rows = cutoff_rows(cutoffs, store.servers, store.bounds, self._spec)
        sampler = None if seed is None else EpochSampler(len(rows), windows_per_epoch, seed)
        return WindowLoader(store, rows, batch_size=batch_size, options=options, sampler=sampler)

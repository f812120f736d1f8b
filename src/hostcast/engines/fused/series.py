"""All series of a data set, held once: what windows are cut from."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import torch
from torch import Tensor

from hostcast.engines.fused.filling import SeriesColumns
from hostcast.features import FeatureTable
from hostcast.windows import InputSpec
from hostcast.windows.normalizers import FLOOR_SHARE

__all__ = ["Layout", "Series", "SeriesStore"]

# of the machine's memory: a larger matrix is kept in a file and mapped
MAPPED_SHARE = 0.25
# of the GPU's free memory: a larger matrix stays on the host
DEVICE_SHARE = 0.5


@dataclass(frozen=True)
class Layout:
    """What a window is made of.

    Attributes:
        known, targets, observed: number of columns of each kind, in the order of the matrix.
        encoder_length, horizon: steps.
        normalizer: how a window's targets are scaled, see `hostcast.windows.normalizers`.
        lags: (column of the matrix, target) for each input that is scaled as a target is.
    """

    known: int
    targets: int
    observed: int
    encoder_length: int
    horizon: int
    normalizer: str
    lags: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, spec: InputSpec) -> Layout:
        """The layout of windows of these inputs."""
        columns = [*spec.known, *spec.targets, *spec.observed]
        return cls(
            len(spec.known),
            len(spec.targets),
            len(spec.observed),
            spec.encoder_length,
            spec.horizon,
            spec.normalizer,
            tuple(
                (columns.index(name), spec.targets.index(target)) for name, target in spec.scaled_as.items()
            ),
        )

    @property
    def window_bytes(self) -> int:
        """Memory that a window takes in a batch."""
        history = self.encoder_length * (self.known + 1 + self.targets + self.observed)
        return 4 * (history + self.horizon * (self.known + 1 + 2 * self.targets))


@dataclass(frozen=True)
class Series:
    """Tensors on one device.

    Attributes:
        layout: what they hold.
        matrix: (rows, known + targets + observed), float32; targets and lags in their units, other inputs
            scaled.
        seen: (rows, targets), uint8; 1 where a target was really observed.
        codes: (servers, categories), int64; 0 = unknown.
        centers, spreads: (servers, targets), float32; the scales of `normalizer: group`.
        floors: (targets,), float64; the smallest spreads of `normalizer: window`.
        relative: (encoder_length + horizon,), float32; the relative time of each step.
    """

    layout: Layout
    matrix: Tensor
    seen: Tensor
    codes: Tensor
    centers: Tensor
    spreads: Tensor
    floors: Tensor
    relative: Tensor

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.matrix.device

    @property
    def nbytes(self) -> int:
        """Memory they take."""
        return sum(tensor.nbytes for tensor in self._tensors().values())

    def to(self, device: torch.device) -> Series:
        """A copy on another device."""
        return Series(self.layout, **{name: tensor.to(device) for name, tensor in self._tensors().items()})

    def _tensors(self) -> dict[str, Tensor]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "layout"}


class SeriesStore:
    """The series of a features table, made once and shared by all loaders.

    Args:
        features: the features table.
        spec: fitted inputs.
    """

    def __init__(self, features: FeatureTable, spec: InputSpec) -> None:
        self.servers = features.servers
        self.bounds = features.bounds
        columns = SeriesColumns(spec)
        matrix = _allocate(features.rows, len(columns.names))
        seen = np.empty((features.rows, len(spec.targets)), dtype=np.uint8)
        columns.write(features, matrix, seen)
        length = spec.encoder_length
        steps = torch.arange(-length, spec.horizon, dtype=torch.float32)
        scales = _group_scales(spec, self.servers)  # (2, servers, targets)
        self.host = Series(
            layout=Layout.of(spec),
            matrix=torch.from_numpy(matrix),
            seen=torch.from_numpy(seen),
            codes=torch.from_numpy(_codes(features, spec)),
            centers=torch.from_numpy(scales[0]),
            spreads=torch.from_numpy(scales[1]),
            floors=torch.tensor(
                [FLOOR_SHARE * spec.target_scales[name].fleet.spread for name in spec.targets],
                dtype=torch.float64,
            ),
            relative=steps / length,
        )
        self._elsewhere: dict[torch.device, Series | None] = {}

    def on(self, device: torch.device) -> Series | None:
        """The series on a device, moved there once; None if they don't fit."""
        if device.type == "cpu":
            return self.host
        if device not in self._elsewhere:
            # `cuda` is the current one, e.g. `cuda:0`
            exact = torch.empty(0, device=device).device
            if exact not in self._elsewhere:
                fits = device.type == "cuda" and self.host.nbytes <= DEVICE_SHARE * _free_memory(device)
                self._elsewhere[exact] = self.host.to(exact) if fits else None
            self._elsewhere[device] = self._elsewhere[exact]
        return self._elsewhere[device]


def _free_memory(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0])


def _allocate(rows: int, columns: int) -> npt.NDArray[np.float32]:
    if rows * columns * 4 <= MAPPED_SHARE * psutil.virtual_memory().total:
        return np.empty((rows, columns), dtype=np.float32)
    # the file has no name, and is gone with the process, however that ends
    with tempfile.TemporaryFile(prefix="hostcast-") as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(rows, columns))


def _codes(features: FeatureTable, spec: InputSpec) -> npt.NDArray[np.int64]:
    codes = np.zeros((len(features.servers), len(spec.categories)), dtype=np.int64)
    for place, (name, values) in enumerate(spec.categories.items()):
        code_of: dict[Any, int] = {value: code for code, value in enumerate(values, start=1)}
        codes[:, place] = [code_of.get(text, 0) for text in features.texts(name)]
    return codes


def _group_scales(spec: InputSpec, servers: list[str]) -> npt.NDArray[np.float32]:
    scales = np.empty((2, len(servers), len(spec.targets)), dtype=np.float32)
    for place, name in enumerate(spec.targets):
        known = spec.target_scales[name]
        each = [known.servers.get(server, known.fleet) for server in servers]
        scales[0, :, place] = [scale.center for scale in each]
        scales[1, :, place] = [scale.spread for scale in each]
    return scales

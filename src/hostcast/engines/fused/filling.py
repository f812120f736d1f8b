"""The features table as one matrix of numbers: filled and scaled as `hostcast.windows.model_frame` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.features import FeatureTable
from hostcast.parts import each_in_order
from hostcast.windows import InputSpec
from hostcast.windows.spec import ABSENT

__all__ = ["SeriesColumns"]


class SeriesColumns:
    """Writes the matrix that windows are cut from, some rows at a time.

    Args:
        spec: fitted inputs.

    Attributes:
        names: the matrix's columns: known, targets, observed.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.names = [*spec.known, *spec.targets, *spec.observed]
        self._spec = spec

    def write(
        self, features: FeatureTable, matrix: npt.NDArray[np.float32], seen: npt.NDArray[np.uint8]
    ) -> None:
        """Fill both from the features table.

        Args:
            features: the features table.
            matrix: (rows, columns): known and observed inputs scaled, targets and inputs of
                `InputSpec.scaled_as` in their units.
            seen: (rows, targets): 1 where a target was really observed.
        """
        last = np.zeros((len(features.servers), len(self.names)), np.float64)

        def write(share: int) -> None:
            for first, block in features.blocks(self.names, share=share):
                self._write(block, features.bounds, first, last, matrix, seen)

        # each share has servers, and so rows, of its own
        for _ in each_in_order(write, range(features.shares)):
            pass

    def _write(
        self,
        block: Mapping[str, npt.NDArray[Any]],
        bounds: npt.NDArray[np.int64],
        first: int,
        last: npt.NDArray[np.float64],
        matrix: npt.NDArray[np.float32],
        seen: npt.NDArray[np.uint8],
    ) -> None:
        behind = first + len(block[self.names[0]])
        begin = int(np.searchsorted(bounds, first, side="right")) - 1
        end = int(np.searchsorted(bounds, behind, side="left"))
        # servers that begin here, and the row that each begins with
        heads = bounds[begin:end][bounds[begin:end] >= first] - first
        for place, name in enumerate(self._spec.targets):
            seen[first:behind, place] = ~np.isnan(block[name])
        for place, name in enumerate(self.names):
            values = self._filled(name, block[name], heads, last[begin, place])
            last[end - 1, place] = values[-1]
            matrix[first:behind, place] = self._scaled(name, values)
        if not np.isfinite(matrix[first:behind]).all():
            raise AssertionError("a value is missing")

    def _filled(
        self, name: str, values: npt.NDArray[Any], heads: npt.NDArray[np.int64], last: np.float64
    ) -> npt.NDArray[Any]:
        """Each value that is missing takes the last one of its server; `last` is that of an earlier block."""
        missing = np.isnan(values)
        if not missing.any():
            return values
        values = values.copy()
        if missing[0]:
            values[0] = last
        begin = heads[missing[heads]]
        values[begin] = ABSENT if name in self._spec.scaled_as else self._spec.fill[name]
        missing[begin] = missing[0] = False
        place = np.where(missing, 0, np.arange(len(values)))
        return values[np.maximum.accumulate(place)]

    def _scaled(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        scale = self._spec.scales.get(name)
        if scale is None:
            return values.astype(np.float32)
        return ((values.astype("float64") - scale.center) / scale.spread).astype(np.float32)

"""The features table as one matrix of numbers: filled and scaled as `hostcast.windows.model_frame` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hostcast.features import FeatureTable
from hostcast.windows import InputSpec

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
            matrix: (rows, columns): known and observed inputs scaled, targets in their units.
            seen: (rows, targets): 1 where a target was really observed.
        """
        last: dict[str, Any] = {}
        for first, block in features.blocks(self.names):
            behind = first + len(block[self.names[0]])
            heads = features.bounds[(features.bounds >= first) & (features.bounds < behind)] - first
            for place, name in enumerate(self._spec.targets):
                seen[first:behind, place] = ~np.isnan(block[name])
            for place, (name, values) in enumerate(self._filled(block, heads, last).items()):
                matrix[first:behind, place] = self._scaled(name, values)
            if not np.isfinite(matrix[first:behind]).all():
                raise AssertionError("a value is missing")

    def _filled(
        self, block: Mapping[str, npt.NDArray[Any]], heads: npt.NDArray[np.int64], last: dict[str, Any]
    ) -> dict[str, npt.NDArray[Any]]:
        """Each value that is missing takes the last one of its server; `last` goes on to the next block."""
        filled = {}
        for name in self.names:
            values = block[name]
            missing = np.isnan(values)
            if missing.any():
                values = values.copy()
                if missing[0] and name in last:
                    values[0] = last[name]
                begin = heads[missing[heads]]
                values[begin] = self._spec.fill[name]
                missing[begin] = missing[0] = False
                place = np.where(missing, 0, np.arange(len(values)))
                values = values[np.maximum.accumulate(place)]
            last[name] = values[-1]
            filled[name] = values
        return filled

    def _scaled(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        scale = self._spec.scales.get(name)
        if scale is None:
            return values.astype(np.float32)
        return ((values.astype("float64") - scale.center) / scale.spread).astype(np.float32)

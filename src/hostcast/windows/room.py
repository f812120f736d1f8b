"""Cutoffs as rows of the features table, each with room for its window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hostcast.splitting import Cutoffs
from hostcast.windows.spec import SERVER, InputSpec

__all__ = ["RunRows", "cutoff_rows"]


class RunRows:
    """Rows of the features table by place, of cutoffs that are kept as runs.

    Args:
        cutoffs: the runs.
        begin: row of the table that each run's server begins with.
    """

    def __init__(self, cutoffs: Cutoffs, begin: npt.NDArray[np.int64]) -> None:
        self._cutoffs = cutoffs
        self._begin = begin

    def __len__(self) -> int:
        return len(self._cutoffs)

    def __getitem__(self, places: slice | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        chosen = np.arange(*places.indices(len(self))) if isinstance(places, slice) else places
        run, position = self._cutoffs.at(chosen)
        rows: npt.NDArray[np.int64] = self._begin[run] + position
        return rows


def cutoff_rows(
    cutoffs: pd.DataFrame | Cutoffs, servers: list[str], bounds: npt.NDArray[np.int64], spec: InputSpec
) -> npt.NDArray[np.int64] | RunRows:
    """The row that each history ends with.

    Args:
        cutoffs: columns server and position (row on the server's grid), or runs of them.
        servers: all servers, in the table's order.
        bounds: server i owns the rows bounds[i] to bounds[i + 1] - 1.
        spec: the lengths of windows.

    Raises:
        ValueError: a cutoff has too little history or horizon for a window.
    """
    names = cutoffs.servers if isinstance(cutoffs, Cutoffs) else cutoffs[SERVER]
    first = last = cutoffs.first if isinstance(cutoffs, Cutoffs) else cutoffs["position"].to_numpy("int64")
    if isinstance(cutoffs, Cutoffs):
        last = cutoffs.last
    given = pa.chunked_array(pa.array(names, type=pa.large_string(), from_pandas=True))
    place = pc.index_in(given, value_set=pa.array(servers, type=pa.large_string()))
    server = pc.fill_null(place, -1).to_numpy()
    # an unknown server has no rows
    length = np.append(np.diff(bounds), 0)[server]
    lacking = np.flatnonzero((first + 1 < spec.min_encoder_length) | (last + spec.horizon >= length))
    if len(lacking):
        kind = "runs of cutoffs" if isinstance(cutoffs, Cutoffs) else "cutoffs"
        example = np.asarray(names)[lacking[0]]
        raise ValueError(f"{len(lacking)} {kind} have no window, e.g. row {last[lacking[0]]} of {example!r}")
    if isinstance(cutoffs, Cutoffs):
        return RunRows(cutoffs, bounds[server])
    rows: npt.NDArray[np.int64] = bounds[server] + first
    return rows

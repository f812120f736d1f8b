"""Cutoffs as rows of the features table, each with room for its window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hostcast.windows.spec import SERVER, InputSpec

__all__ = ["cutoff_rows"]


def cutoff_rows(
    cutoffs: pd.DataFrame, servers: list[str], bounds: npt.NDArray[np.int64], spec: InputSpec
) -> npt.NDArray[np.int64]:
    """The row that each history ends with.

    Args:
        cutoffs: columns server and position (row on the server's grid).
        servers: all servers, in the table's order.
        bounds: server i owns the rows bounds[i] to bounds[i + 1] - 1.
        spec: the lengths of windows.

    Raises:
        ValueError: a cutoff has too little history or horizon for a window.
    """
    names = pa.chunked_array(pa.array(cutoffs[SERVER], type=pa.large_string(), from_pandas=True))
    place = pc.index_in(names, value_set=pa.array(servers, type=pa.large_string()))
    server = pc.fill_null(place, -1).to_numpy()
    position = cutoffs["position"].to_numpy("int64")
    # an unknown server has no rows
    length = np.append(np.diff(bounds), 0)[server]
    lacking = np.flatnonzero((position + 1 < spec.min_encoder_length) | (position + spec.horizon >= length))
    if len(lacking):
        example = cutoffs.iloc[lacking[0]]
        raise ValueError(
            f"{len(lacking)} cutoffs have no window, e.g. row {example['position']} of {example[SERVER]!r}"
        )
    rows: npt.NDArray[np.int64] = bounds[server] + position
    return rows

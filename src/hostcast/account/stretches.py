"""Values of stretches of time, read part by part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hostcast.parts import PartIndex, part_numbers

__all__ = ["values_between"]


def values_between(
    index: PartIndex, group: int, name: str, rows: Mapping[int, tuple[int, int]]
) -> dict[int, npt.NDArray[np.float32]]:
    """One column of some servers of a group; parts that hold none of the rows are not read.

    Args:
        index: of the table.
        group: the group's number.
        name: of the column.
        rows: server's place -> its first row, and the one behind its last, counted from the server's first.

    Returns:
        Server's place -> its values, NaN = missing.
    """
    found: dict[int, list[npt.NDArray[np.float32]]] = {server: [] for server in rows}
    for part in index.layout.parts_of(group):
        begin = 0
        cuts = []
        for piece in part.pieces:
            low, high = rows.get(piece.server, (0, 0))
            first, last = max(low, piece.offset), min(high, piece.offset + piece.count)
            if first < last:
                cuts.append((piece.server, begin + first - piece.offset, begin + last - piece.offset))
            begin += piece.count
        if cuts:
            values = part_numbers(index, part, [name])[name]
            for server, first, last in cuts:
                found[server].append(values[first:last])
    return {
        server: np.concatenate(pieces) if pieces else np.empty(0, np.float32)
        for server, pieces in found.items()
    }

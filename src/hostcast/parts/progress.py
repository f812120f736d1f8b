"""How many rows a second."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

__all__ = ["row_bar"]


def row_bar(what: str, rows: int | None, *, shown: bool) -> Any:
    """A progress bar over rows.

    Args:
        what: is being done.
        rows: in all; None = not known.
        shown: whether anyone wants to see it; without a terminal nobody does.
    """
    return tqdm(
        total=rows,
        desc=what,
        unit="row",
        unit_scale=True,
        disable=not (shown and sys.stderr.isatty()),
        leave=False,
    )

"""The git-ignored folder for what must outlive a failed stage."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["state_folder"]


def state_folder() -> Path:
    """$HOSTCAST_STATE_DIR, or .hostcast in the project.

    Set the variable for `dvc exp run --queue` and `--temp`, whose working folders are thrown away.
    """
    return Path(os.environ.get("HOSTCAST_STATE_DIR") or ".hostcast")

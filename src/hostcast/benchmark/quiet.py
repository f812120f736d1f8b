"""Less talk from the libraries."""

from __future__ import annotations

import logging
import warnings

__all__ = ["quieten"]


def quieten() -> None:
    """Keep the libraries from greeting in each of many runs; what goes wrong is still raised."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    # pandas hands out read-only arrays; pytorch-forecasting writes to none
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    warnings.filterwarnings("ignore", module="torch.utils.data")

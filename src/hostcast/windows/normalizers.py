"""How the targets of one window are brought to a common scale.

`window` is hostcast's own: zero is the last observed value, so an untrained network already carries
the last value forward, and the unit is the spread of the window's history, which no shift of a
server's level after training can spoil. The spread never falls below a tenth of the fleet's: a
near-constant window would otherwise be blown up until it dominates every gradient.
`encoder` is pytorch-forecasting's `EncoderNormalizer` (mean and standard deviation of the history).
`group` scales by server over the training span, as the founding document did.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_forecasting.data import EncoderNormalizer, MultiNormalizer, TorchNormalizer

from hostcast.windows.spec import InputSpec

__all__ = ["FLOOR_SHARE", "WindowNormalizer", "target_normalizer"]

FLOOR_SHARE = 0.1


class WindowNormalizer(EncoderNormalizer):  # type: ignore[misc]
    """Center on a window's last value, scale by sqrt(variance of the window + floor²).

    Args:
        floor: smallest spread, in the target's unit.
    """

    def __init__(self, floor: float = 0.0) -> None:
        super().__init__(method="standard")
        self.floor = floor

    def _set_parameters(self, y_center: Any, y_scale: Any) -> None:
        if isinstance(y_center, torch.Tensor):
            self.center_ = y_center[..., -1]
            variance = torch.var(y_scale, dim=-1, correction=0)
            self.scale_ = torch.sqrt(variance + self.floor**2)
        else:
            # only the data set's own set-up comes here, with a whole column; every window is fitted anew
            values = np.asarray(y_center.to_numpy() if isinstance(y_center, pd.Series) else y_center)
            self.center_ = np.mean(values)
            self.scale_ = np.sqrt(np.var(values) + self.floor**2)


def target_normalizer(spec: InputSpec) -> TorchNormalizer:
    """The normalizer that pytorch-forecasting's data set applies to the targets of `spec`."""
    each: list[TorchNormalizer] = []
    for target in spec.targets:
        match spec.normalizer:
            case "window":
                each.append(WindowNormalizer(FLOOR_SHARE * spec.target_scales[target].fleet.spread))
            case "encoder":
                each.append(EncoderNormalizer())
            case _:
                # per-server scales are applied by `model_frame`, before the data set sees the targets
                each.append(TorchNormalizer(method="identity"))
    return MultiNormalizer(each)

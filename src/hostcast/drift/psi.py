"""How far two distributions are apart."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["SMALLEST_SHARE", "psi"]

# a bin that is empty on one side would make the index infinite
SMALLEST_SHARE = 1e-4


def psi(then: npt.NDArray[np.int64], now: npt.NDArray[np.int64]) -> float:
    """The population stability index of counts in the same bins; NaN if there are none on one side.

    The sum over bins of (q - p) ln(q / p), p and q being the bins' shares then and now: Kullback and
    Leibler's divergence in both directions, as "On Information and Sufficiency", Annals of Mathematical
    Statistics 22 (1951), defines it. Credit scoring gave it its name and the rule of thumb that below 0.1
    nothing has changed and from 0.25 on a model needs to be looked at: N. Siddiqi, "Credit Risk
    Scorecards", Wiley (2006), chapter 9. B. Yurdakul and J. Naranjo, "Statistical properties of the
    population stability index", Journal of Risk Model Validation 14 (2020), show what sampling alone
    makes of it: on average (bins - 1) (1 / values then + 1 / values now).

    Args:
        then: how many values fell into each bin.
        now: the same, of other values.
    """
    if not then.sum() or not now.sum():
        return math.nan
    p = np.maximum(then / then.sum(), SMALLEST_SHARE)
    q = np.maximum(now / now.sum(), SMALLEST_SHARE)
    return float(np.sum((q - p) * np.log(q / p)))

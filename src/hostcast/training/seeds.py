"""Every random source, from one seed."""

from __future__ import annotations

import random

import numpy as np
import torch

__all__ = ["seed_everything"]


def seed_everything(seed: int, epoch: int = 0) -> None:
    """Seed Python, NumPy, torch and CUDA as a function of (seed, epoch).

    Seeding anew at each epoch makes an epoch's dropout independent of what ran before it, so that a
    resumed run repeats an uninterrupted one without any saved random state.
    """
    mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)
    torch.manual_seed(mixed)
    torch.cuda.manual_seed_all(mixed)

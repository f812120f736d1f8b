"""The ways to compute on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch

from hostcast.engines.fused import layers
from hostcast.native import Kernels, load_kernels
from hostcast.native import compile as compiling

# what other processors make of the kernels: the narrowest vectors, and those in between where there are wider
VECTORS: dict[str, tuple[str, ...]] = {"narrow": ()}
if torch.backends.cpu.get_cpu_capability() == "AVX512":
    VECTORS["avx2"] = ("-march=haswell",)


@pytest.fixture(params=["kernel", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With the compiled kernels, and without."""
    if request.param == "torch":
        monkeypatch.setenv("HOSTCAST_NATIVE", "0")
        load_kernels.cache_clear()
    yield request.param
    if request.param == "torch":
        load_kernels.cache_clear()


@cache
def kernels_for(vectors: str) -> Kernels | None:
    """Kernels of a width."""
    if vectors == "kernel":
        return load_kernels()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "FLAGS", (*compiling.FLAGS_PORTABLE, *VECTORS[vectors]))
        return load_kernels.__wrapped__()


@pytest.fixture(params=["kernel", *VECTORS])
def vectors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With kernels for vectors of each width."""
    made = kernels_for(request.param)
    monkeypatch.setattr(layers, "load_kernels", lambda: made)
    return str(request.param)

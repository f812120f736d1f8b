"""The ways to compute on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from hostcast.native import compile as compiling
from hostcast.native import load_kernels

# what other processors make of the kernels: the narrowest vectors, and those in between where there are wider
VECTORS: dict[str, tuple[str, ...]] = {"narrow": ()}
if torch.backends.cpu.get_cpu_capability() == "AVX512":
    VECTORS["avx2"] = ("-march=haswell",)


@pytest.fixture(params=["kernel", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With the compiled kernels, and without."""
    load_kernels.cache_clear()
    if request.param == "torch":
        monkeypatch.setenv("HOSTCAST_NATIVE", "0")
    yield request.param
    load_kernels.cache_clear()


@pytest.fixture(params=["kernel", *VECTORS])
def vectors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With kernels for vectors of each width."""
    load_kernels.cache_clear()
    if request.param != "kernel":
        monkeypatch.setattr(compiling, "FLAGS", (*compiling.FLAGS_PORTABLE, *VECTORS[request.param]))
    yield request.param
    load_kernels.cache_clear()

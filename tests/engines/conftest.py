"""Both ways to cut windows on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hostcast.native import load_kernels


@pytest.fixture(params=["kernel", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With the compiled kernels, and without."""
    load_kernels.cache_clear()
    if request.param == "torch":
        monkeypatch.setenv("HOSTCAST_NATIVE", "0")
    yield request.param
    load_kernels.cache_clear()

"""What a model was made from tells apart all that would make another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hostcast
from fleet import tiny_params
from hostcast.native import load_kernels
from hostcast.training import provenance_of, run_key

SOURCES = Path(hostcast.__file__).parent


@pytest.fixture(autouse=True)
def _kernels_of_the_environment() -> Iterator[None]:
    load_kernels.cache_clear()
    yield
    load_kernels.cache_clear()


def key_of(changes: dict[str, Any] | None = None) -> str:
    return run_key(provenance_of(tiny_params(changes), []))


def test_the_code_that_computes_counts_in_every_language() -> None:
    code = provenance_of(tiny_params(), [])["code"]
    for folder in ("engines", "native", "training"):
        files = (SOURCES / folder).rglob("*")
        wanted = {
            path.relative_to(SOURCES).as_posix() for path in files if path.suffix in (".py", ".c", ".h")
        }
        assert wanted <= set(code)
    assert {"native/selection.c", "native/grn.h", "engines/fused/network.py"} <= set(code)


def test_a_run_with_kernels_is_not_resumed_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {engine: [key_of({"train.engine": engine})] for engine in ("fused", "reference")}
    load_kernels.cache_clear()
    monkeypatch.setenv("HOSTCAST_NATIVE", "0")
    for engine, of_engine in keys.items():
        of_engine.append(key_of({"train.engine": engine}))
    assert keys["fused"][0] != keys["fused"][1]
    assert keys["reference"][0] == keys["reference"][1]
    assert keys["fused"][0] != keys["reference"][0]


def test_params_that_training_reads_count_and_others_do_not() -> None:
    assert key_of({"train.learning_rate": 0.5}) != key_of()
    others = {"runtime.num_workers": 3, "prepare.min_rows": 1, "evaluate.stride": 9, "drift.psi": 0.3}
    assert key_of(others) == key_of()

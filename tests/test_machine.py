"""What is taken of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hostcast.errors import HostcastError
from hostcast.machine import loader_options, uses_gpu
from hostcast.params import RuntimeParams, load_params

PARAMS = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def runtime() -> RuntimeParams:
    return load_params(PARAMS).runtime


def test_a_number_of_workers_is_taken_as_it_is(runtime: RuntimeParams) -> None:
    assert loader_options(runtime.model_copy(update={"num_workers": 3})).num_workers == 3


@pytest.mark.parametrize(("cores", "workers"), [(1, 0), (2, 0), (4, 1), (16, 2)])
def test_auto_leaves_the_cores_of_a_cpu_to_the_model(
    runtime: RuntimeParams, monkeypatch: pytest.MonkeyPatch, cores: int, workers: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    asked = runtime.model_copy(update={"num_workers": "auto", "accelerator": "cpu"})
    assert loader_options(asked).num_workers == workers


def test_memory_is_pinned_only_where_a_gpu_is_used(runtime: RuntimeParams) -> None:
    assert not loader_options(runtime.model_copy(update={"accelerator": "cpu"})).pin_memory


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(
    runtime: RuntimeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(HostcastError, match=r"runtime\.accelerator is gpu") as caught:
        uses_gpu(runtime.model_copy(update={"accelerator": "gpu"}))
    assert "auto or cpu" in caught.value.remedy

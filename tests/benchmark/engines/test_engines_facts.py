"""The device that is chosen, and what is said of the machine."""

from __future__ import annotations

import pytest
import torch
from engines_data import quick_params

from hostcast.benchmark.engines.facts import chosen_device, cores, gather_facts
from hostcast.benchmark.given import Given
from hostcast.errors import HostcastError


@pytest.mark.parametrize(
    ("wanted", "available", "accelerator", "chosen"),
    [
        ("auto", True, "auto", "cuda"),
        ("auto", True, "cpu", "cpu"),
        ("auto", False, "auto", "cpu"),
        ("cpu", True, "auto", "cpu"),
        ("cuda", True, "cpu", "cuda"),
    ],
)
def test_auto_takes_a_gpu_where_there_is_one_and_it_may_be_used(
    monkeypatch, wanted, available, accelerator, chosen
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    params = quick_params(device=wanted)
    runtime = params.runtime.model_copy(update={"accelerator": accelerator})

    assert chosen_device(params.model_copy(update={"runtime": runtime}), Given()) == chosen


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(HostcastError, match=r"file params\.yaml: benchmark\.device is cuda"):
        chosen_device(quick_params(device="cuda"), Given())
    with pytest.raises(HostcastError, match=r"^--device is cuda"):
        chosen_device(quick_params(device="cuda"), Given({"device": "--device"}))


def test_machine_versions_and_command_are_named():
    facts = gather_facts("cpu")

    assert facts["machine"]["cores"] == cores() > 0
    assert facts["machine"]["processor"]
    assert {"hostcast", "python", "torch", "pytorch-forecasting"} <= set(facts["versions"])
    assert facts["command"].startswith("python ")

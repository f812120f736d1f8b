"""What a benchmark measures, on a fleet that takes seconds."""

from __future__ import annotations

import pytest

from hostcast.benchmark.gains import configurations

pytestmark = pytest.mark.slow


def test_every_configuration_runs_in_every_repeat_and_they_take_turns(ran):
    names = [one.name for one in configurations()]

    assert ran.result.runs["configuration"].tolist() == names * 2
    assert ran.result.runs["repeat"].tolist() == [0] * len(names) + [1] * len(names)


def test_every_run_has_every_number(ran):
    runs = ran.result.runs
    numbers = runs[["windows_per_second", "epoch_seconds", "peak_memory_mib", "validation_loss"]]

    assert (numbers > 0).all().all()
    engines = {one.name: one.engine for one in configurations()}
    assert runs["engine"].tolist() == runs["configuration"].map(engines).tolist()
    assert runs["peak_gpu_memory_mib"].isna().all()


def test_all_configurations_of_a_repeat_share_the_seed(ran):
    assert ran.result.runs.groupby("repeat")["seed"].unique().map(list).tolist() == [[42], [43]]


@pytest.mark.parametrize("name", ["checkpointing", "workers", "tensorboard"])
def test_what_must_not_change_the_loss_does_not(ran, name):
    losses = ran.result.runs.pivot(index="repeat", columns="configuration", values="validation_loss")

    assert losses[name].tolist() == losses["baseline"].tolist()


@pytest.mark.parametrize("name", ["lr_scheduling", "mixed_precision", "multi_target", "all"])
def test_what_changes_the_arithmetic_is_really_switched_on(ran, name):
    losses = ran.result.runs.pivot(index="repeat", columns="configuration", values="validation_loss")

    assert (losses[name] != losses["baseline"]).all()


def test_nothing_is_printed_but_the_inputs_left_out(ran):
    said = [line for line in ran.terminal.splitlines() if "does not vary" not in line]

    assert said == []


def test_no_checkpoints_or_logs_stay_behind(ran):
    assert ran.leftovers == []

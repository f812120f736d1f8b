"""What the checks let pass, and how noise is told from a change."""

from __future__ import annotations

import math

import pytest
from benchmark_data import made_up_runs, tiny_params

from hostcast.benchmark.gains.comparison import Change, chance_of_a_false_finding
from hostcast.benchmark.gains.configurations import BASELINE, EPOCHS, MATRIX, configurations
from hostcast.benchmark.gains.report import render_gains
from hostcast.benchmark.gains.run import GainsResult, summarize
from hostcast.errors import HostcastError


def summary(repeats: int = 3, **losses: float) -> GainsResult:
    return summarize(
        made_up_runs(repeats, **losses), configurations(), 192, tiny_params(benchmark={"repeats": repeats})
    )


@pytest.mark.parametrize("name", ["checkpointing", "workers", "tensorboard"])
def test_a_loss_that_differs_by_one_bit_is_an_error(name):
    runs = made_up_runs()
    place = runs.index[(runs["configuration"] == name) & (runs["repeat"] == 1)][0]
    runs.loc[place, "validation_loss"] = math.nextafter(runs.loc[place, "validation_loss"], 1.0)

    with pytest.raises(HostcastError, match=f"{name} changed the validation loss in 1 of 3 repeats"):
        summarize(runs, configurations(), 192, tiny_params())


def test_a_mixed_precision_loss_out_of_tolerance_is_flagged():
    assert "passed (largest deviation" in render_gains(summary())
    assert "**FAILED**" in render_gains(summary(mixed_precision=0.5))


def test_changes_are_taken_within_each_repeat():
    runs = made_up_runs()
    for repeat, (before, after) in enumerate([(1.0, 0.5), (10.0, 6.0), (100.0, 70.0)]):
        for name, value in ((BASELINE, before), ("workers", after)):
            runs.loc[(runs["configuration"] == name) & (runs["repeat"] == repeat), "epoch_seconds"] = value
    result = summarize(runs, configurations(), 192, tiny_params())
    time = next(gain for gain in result.gains if gain.name == "workers").time

    assert (time.median, time.low, time.high) == pytest.approx((-0.4, -0.5, -0.3))
    assert time.distinguishable


@pytest.mark.parametrize(
    ("low", "high", "repeats", "told_apart"),
    [
        (0.01, 0.2, 3, True),
        (-0.2, -0.01, 3, True),
        (-0.01, 0.2, 3, False),
        (0.0, 0.2, 3, False),
        (0.1, 0.1, 1, False),
    ],
)
def test_a_change_counts_only_if_more_than_one_repeat_agree(low, high, repeats, told_apart):
    assert Change(0.1, low, high, repeats).distinguishable is told_apart


def test_quality_is_positive_when_the_loss_falls():
    gain = next(gain for gain in summary(multi_target=0.2).gains if gain.name == "multi_target")

    assert gain.quality.low > 0


def test_the_page_names_the_matrix_every_claim_and_what_was_measured():
    page = render_gains(summary())

    assert "baseline, workers, mixed_precision, all" in page
    for name in MATRIX:
        assert f"| `{name}` |" in page
    for gain in summary().gains:
        row = next(
            line for line in page.splitlines() if line.startswith(f"| {gain.claim.title} (`{gain.name}`)")
        )
        assert f"{100 * gain.time.median:+.1f} %" in row
    assert "| Combined (`all`) | -70 % |" in page


def test_the_page_calls_noise_noise_and_an_equal_loss_equal():
    page = render_gains(summary())

    assert "not distinguishable from noise" in page
    assert "0 %, to the last bit" in page


def test_the_page_says_how_little_its_quality_means():
    page = render_gains(summary())

    steps = EPOCHS * tiny_params().benchmark.batches
    assert f"Quality after {steps} training steps says little" in page


def test_a_single_repeat_makes_no_finding():
    page = render_gains(summary(repeats=1))

    assert "a single run has no spread" in page
    assert chance_of_a_false_finding(1) == 1.0


def test_a_gpu_is_judged_by_its_own_memory():
    runs = made_up_runs().assign(device="NVIDIA H100", peak_gpu_memory_mib=512.0)
    result = summarize(runs, configurations(), 192, tiny_params())

    assert result.memory == "peak_gpu_memory_mib"
    assert "Peak GPU memory, MiB" in render_gains(result)


def test_each_change_switches_one_thing_and_all_switches_everything():
    switches = ("checkpointing", "workers", "tensorboard", "lr_scheduling", "mixed_precision", "multi_target")
    on = {one.name: [name for name in switches if getattr(one, name)] for one in configurations()}

    everything = {"all": list(switches), "all_fused": list(switches)}
    assert on == {BASELINE: [], **{name: [name] for name in switches}, **everything}
    engines = {one.name: one.engine for one in configurations()}
    assert {name for name, engine in engines.items() if engine != "reference"} == {"all_fused"}

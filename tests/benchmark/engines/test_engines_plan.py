"""What is measured when nothing, a shape, a measurement or both are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from engines_data import quick_params

from hostcast.benchmark.engines.plan import MEASUREMENTS, make_plan
from hostcast.errors import HostcastError

ALL = list(MEASUREMENTS)


def plan(device="cpu", **changes):
    return make_plan(quick_params(**changes), device)


def test_quick_measures_the_fleet_and_nothing_that_takes_minutes():
    quick = plan(suite="quick")

    assert quick.shapes == {"fleet": ALL}
    assert not quick.quality
    assert not quick.memory


def test_full_measures_all_that_the_device_can_do():
    processor, gpu = plan(suite="full"), plan("cuda", suite="full")

    assert list(processor.shapes) == ["fleet", "large"]
    assert list(gpu.shapes) == ["fleet", "large", "electricity"]
    for full in (processor, gpu):
        assert full.quality == {"fleet": Path()}
        assert full.memory


def test_other_projects_are_named_after_their_folder():
    assert plan(suite="full", quality_data=["../smd"]).quality == {"fleet": Path(), "smd": Path("../smd")}


@pytest.mark.parametrize(
    ("only", "shapes"),
    [
        (["fleet.train"], {"fleet": ["train"]}),
        (["electricity"], {"electricity": ALL}),
        (["large.loader", "fleet.predict"], {"fleet": ["predict"], "large": ["loader"]}),
        (["train"], {"fleet": ["train"]}),
        (["memory"], {}),
    ],
)
def test_only_what_is_named_is_measured(only, shapes):
    chosen = plan(only=only)

    assert chosen.shapes == shapes
    assert chosen.memory == (only == ["memory"])
    assert not chosen.quality


def test_a_shape_alone_does_not_mean_its_time_to_quality():
    assert not plan(only=["fleet"]).quality
    assert plan(only=["fleet.time_to_quality"]).quality == {"fleet": Path()}
    assert set(plan(only=["time_to_quality"], quality_data=["smd"]).quality) == {"fleet", "smd"}


def test_a_name_that_is_none_is_refused_with_all_that_are():
    with pytest.raises(HostcastError, match="fleeet") as caught:
        plan(only=["fleeet.train"])

    assert "fleet, large, electricity" in caught.value.remedy


def test_auto_takes_five_repeats_in_full_and_three_in_quick():
    assert plan(suite="full", engine_repeats="auto").repeats == 5
    assert plan(suite="quick", engine_repeats="auto").repeats == 3
    assert plan(suite="full", engine_repeats=7).repeats == 7

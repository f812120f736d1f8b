"""The windows and inputs that every run shares."""

from __future__ import annotations

from benchmark_data import tiny_data, tiny_params

from hostcast.benchmark.gains.run import inputs_of
from hostcast.benchmark.gains.workload import make_workload
from hostcast.features import FeatureTable, Roles


def test_the_workload_holds_every_window_with_its_own_values():
    params = tiny_params()
    features, split = tiny_data(params)
    work = make_workload(features.frame, split, params)
    full = features.frame.assign(position=features.frame.groupby("server").cumcount())
    cropped = work.features.assign(position=work.features.groupby("server").cumcount())

    for part, cutoffs in (("train", work.train), ("validation", work.validation)):
        ends = cropped.merge(cutoffs, on=["server", "position"])[["server", "timestamp"]]
        allowed = full.merge(split.cutoffs(part)[["server", "position"]], on=["server", "position"])
        assert len(ends) == len(cutoffs) > 0
        assert len(ends.merge(allowed[["server", "timestamp"]])) == len(ends)
    assert len(work.features) < len(features.frame)


def test_the_same_seed_chooses_the_same_workload():
    params = tiny_params()
    features, split = tiny_data(params)
    one, other = (make_workload(features.frame, split, params) for _ in range(2))

    assert one.features.equals(other.features)
    assert one.train.equals(other.train)
    assert one.validation.equals(other.validation)


def test_without_multi_target_the_other_targets_stay_inputs():
    params = tiny_params()
    features, split = tiny_data(params)
    roles: Roles = features.schema
    single = inputs_of(False, FeatureTable.of(features.frame), roles, split, params)
    several = inputs_of(True, FeatureTable.of(features.frame), roles, split, params)

    assert single.targets == ["cpu_percent"]
    assert {"memory_percent", "disk_percent", "load_average"} <= set(single.observed)
    assert several.targets == params.base.target_metrics
    assert single.target_scales["cpu_percent"] == several.target_scales["cpu_percent"]

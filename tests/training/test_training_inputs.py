"""Features and split of other params, or of other data, are refused by file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet import ENCODER, HORIZON, Scene, scene, tiny_features, tiny_params
from hostcast.errors import HostcastError
from hostcast.features import FeatureTable
from hostcast.params import Params
from hostcast.training import require_current


def check(given: Scene, params: Params | None = None) -> None:
    require_current(FeatureTable.of(given.features), given.roles, given.split, params or given.params)


@pytest.mark.parametrize("shortest", [3, ENCODER])
@pytest.mark.parametrize("boundary", ["global", "per_server"])
def test_what_the_params_ask_for_is_current(shortest: int, boundary: str) -> None:
    check(scene({"split.min_encoder_length": shortest, "split.boundary": boundary}))


def test_another_name_for_the_same_step_and_another_order_of_targets_are_no_change() -> None:
    given = scene()
    check(given, tiny_params({"base.freq": "60min"}, targets=tuple(reversed(given.roles.targets))))


@pytest.mark.parametrize(
    ("change", "file", "said"),
    [
        (
            {"split.encoder_length": ENCODER + 1},
            "split/split.json",
            f"split.encoder_length {ENCODER}",
        ),
        ({"split.horizon": HORIZON - 1}, "split/split.json", f"split.horizon {HORIZON}, params.yaml says"),
        ({"base.freq": "30min"}, "features/roles.json", "base.freq 1h, params.yaml says 30min"),
        ({"base.target_metrics": ["cpu_percent"]}, "features/roles.json", "params.yaml says cpu_percent"),
    ],
)
def test_other_params_are_refused_with_file_and_remedy(change: dict[str, Any], file: str, said: str) -> None:
    with pytest.raises(HostcastError) as caught:
        check(scene(), tiny_params(change))
    assert str(caught.value).startswith(f"file data/{file}: is stale: it was made ")
    assert said in str(caught.value)
    assert "run `dvc repro`" in caught.value.remedy


def test_windows_with_less_history_than_the_params_allow_are_refused() -> None:
    with pytest.raises(HostcastError, match=r"split\.min_encoder_length of at most 3, params\.yaml says 5"):
        check(scene({"split.min_encoder_length": 3}), tiny_params({"split.min_encoder_length": 5}))


def test_a_split_of_another_step_than_the_features_is_refused() -> None:
    given = scene()
    halved = replace(given, split=replace(given.split, step=given.split.step / 2))
    with pytest.raises(HostcastError, match=r"made with steps of 1800 s, params\.yaml says base\.freq 1h"):
        check(halved)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((120, 90, 110), "it has 100 rows of server 'web-1', data/features/table has 90"),
        ((120, 100), "it has 110 rows of server 'web-2', data/features/table has 0"),
        ((120, 100, 110, 50), "it has 0 rows of server 'web-3', data/features/table has 50"),
    ],
)
def test_a_split_of_other_data_is_refused(rows: tuple[int, ...], said: str) -> None:
    with pytest.raises(HostcastError, match=r"file data/split/split\.json: is stale") as caught:
        check(replace(scene(), features=tiny_features(rows)))
    assert said in str(caught.value)

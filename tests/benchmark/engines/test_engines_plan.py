"""What is measured when nothing, a shape, a measurement or both are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from engines_data import quick_params

from hostcast.benchmark.engines.plan import MEASUREMENTS, make_plan
from hostcast.benchmark.given import Given
from hostcast.errors import HostcastError
from hostcast.paths import FEATURES, ROLES, SPLIT, WINDOWS

ALL = list(MEASUREMENTS)


def plan(device="cpu", **changes):
    return make_plan(quick_params(**changes), device, Given())


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project's folder, to be in."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def smd(tmp_path: Path) -> str:
    """Another project's folder, called smd."""
    with_data(tmp_path / "smd")
    return "../smd"


def with_data(folder: Path) -> None:
    for path in (FEATURES, ROLES, SPLIT, WINDOWS):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


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


def test_other_projects_are_named_after_their_folder(smd):
    assert plan(suite="full", quality_data=[smd]).quality == {"fleet": Path(), "smd": Path("../smd")}


@pytest.mark.parametrize("suite", ["quick", "full"])
@pytest.mark.parametrize("absent", [FEATURES, ROLES, SPLIT, WINDOWS])
def test_another_project_without_features_or_split_is_refused_by_the_name_of_its_folder(suite, absent, smd):
    (Path(smd) / absent).unlink()

    with pytest.raises(HostcastError, match=f"benchmark.quality_data names ../smd, which lacks {absent}"):
        plan(suite=suite, quality_data=[smd])


def test_another_project_that_is_no_folder_is_refused_where_it_was_named():
    with pytest.raises(HostcastError, match=r"^file params\.yaml: benchmark\.quality_data names ../smd"):
        plan(quality_data=["../smd"])
    with pytest.raises(HostcastError, match=r"^--quality-data names \.\./smd, which is no folder"):
        make_plan(quick_params(quality_data=["../smd"]), "cpu", Given({"quality_data": "--quality-data"}))


def test_two_projects_of_one_name_are_refused(smd, tmp_path):
    with_data(tmp_path / "other" / "smd")
    with_data(tmp_path / "other" / "fleet")

    with pytest.raises(HostcastError, match="there is data called smd already"):
        plan(quality_data=[smd, "../other/smd"])
    with pytest.raises(HostcastError, match="there is data called fleet already"):
        plan(quality_data=["../other/fleet"])


@pytest.mark.parametrize("only", ["time_to_quality", "fleet.time_to_quality"])
def test_own_data_that_is_asked_for_and_missing_is_an_error(only, smd):
    with pytest.raises(HostcastError, match=r"no data/features/table") as caught:
        plan(only=[only], quality_data=[smd])

    assert "dvc repro featurize split" in caught.value.remedy


def test_own_data_may_be_missing_where_nobody_asked_for_it(smd):
    assert plan(only=["smd.time_to_quality"], quality_data=[smd]).quality == {"smd": Path("../smd")}
    assert plan(suite="full").quality == {"fleet": Path()}


def test_data_given_on_the_command_line_that_nothing_is_measured_on_is_told(smd, caplog):
    given = Given({"quality_data": "--quality-data"})
    make_plan(quick_params(suite="full", quality_data=[smd]), "cpu", given)
    assert not caplog.text
    make_plan(quick_params(suite="quick", quality_data=[smd]), "cpu", given)
    assert "--quality-data: time to quality is not measured" in caplog.text


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


def test_a_shape_alone_does_not_mean_its_time_to_quality(smd):
    with_data(Path())
    assert not plan(only=["fleet"]).quality
    assert plan(only=["fleet.time_to_quality"]).quality == {"fleet": Path()}
    assert set(plan(only=["time_to_quality"], quality_data=[smd]).quality) == {"fleet", "smd"}


def test_a_name_that_is_none_is_refused_with_all_that_are():
    with pytest.raises(HostcastError, match="fleeet") as caught:
        plan(only=["fleeet.train"])

    assert "fleet, large, electricity" in caught.value.remedy
    assert str(caught.value).startswith("file params.yaml: benchmark.only names 'fleeet.train'")


@pytest.mark.parametrize("name", ["smd", "smd.train", "large.time_to_quality", "rows"])
def test_a_name_that_would_measure_nothing_is_refused(name, smd):
    with pytest.raises(HostcastError, match="names") as caught:
        plan(only=["fleet.train", name], quality_data=[smd])

    assert "fleet.time_to_quality, smd.time_to_quality" in caught.value.remedy


def test_a_name_given_on_the_command_line_is_blamed_there():
    with pytest.raises(HostcastError, match=r"^--only names 'fleeet'"):
        make_plan(quick_params(only=["fleeet"]), "cpu", Given({"only": "--only"}))


def test_auto_takes_five_repeats_in_full_and_three_in_quick():
    assert plan(suite="full", engine_repeats="auto").repeats == 5
    assert plan(suite="quick", engine_repeats="auto").repeats == 3
    assert plan(suite="full", engine_repeats=7).repeats == 7

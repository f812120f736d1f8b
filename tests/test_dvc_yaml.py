"""dvc.yaml lists all that a stage's result depends on, and nothing that it does not."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
# They decide what is said and where it is kept for a failed run, not what a stage's outputs hold.
WITHOUT_EFFECT = {"hostcast", "hostcast.stage", "hostcast.state", "hostcast.errors"}


@cache
def pipeline() -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text("utf-8"))
    return content


def stages() -> dict[str, Any]:
    found: dict[str, Any] = pipeline()["stages"]
    return found


def names(entries: list[Any]) -> list[str]:
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def outs_of(stage: dict[str, Any]) -> list[str]:
    return names(stage.get("outs", [])) + names(stage.get("metrics", []))


def file_of(module: str) -> Path | None:
    """The source of a module of hostcast, None if there is no such module."""
    place = SOURCES / Path(*module.split("."))
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    return place.with_suffix(".py") if place.with_suffix(".py").is_file() else None


@cache
def imported_by(path: Path) -> frozenset[str]:
    """Modules of hostcast that a file imports, wherever in the file it does.

    Python runs the `__init__` of a package when a module of it is imported. A package that was not
    asked for by name is not counted: nothing of it is used.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = str(node.module)
            submodules = {f"{module}.{alias.name}" for alias in node.names}
            of_these = {name for name in submodules if name.startswith("hostcast.") and file_of(name)}
            found |= of_these
            if len(of_these) < len(submodules):
                found.add(module)
    return frozenset(name for name in found if name.split(".")[0] == "hostcast" and file_of(name))


def needed_by(script: Path) -> set[str]:
    """Modules of hostcast that a script imports, directly or through others."""
    needed: set[str] = set()
    waiting = set(imported_by(script))
    while waiting:
        module = waiting.pop()
        needed.add(module)
        path = file_of(module)
        assert path is not None
        waiting |= imported_by(path) - needed
    return needed


@pytest.mark.parametrize("name", stages())
def test_every_module_that_a_stage_imports_is_among_its_dependencies(name: str) -> None:
    listed = {ROOT / dep for dep in names(stages()[name]["deps"])}
    lacking = {
        module
        for module in needed_by(ROOT / "stages" / f"{name}.py") - WITHOUT_EFFECT
        if not any(path == file_of(module) or path in file_of(module).parents for path in listed)  # type: ignore[union-attr]
    }
    assert lacking == set()


@pytest.mark.parametrize("name", stages())
def test_every_module_among_a_stages_dependencies_is_imported_by_it(name: str) -> None:
    needed = {file_of(module) for module in needed_by(ROOT / "stages" / f"{name}.py")}
    for dep in names(stages()[name]["deps"]):
        if dep.startswith("src/"):
            path = ROOT / dep
            assert any(path == file or path in file.parents for file in needed if file), dep


@pytest.mark.parametrize("name", stages())
def test_a_stage_depends_on_its_own_script_and_runs_it(name: str) -> None:
    assert stages()[name]["cmd"] == f"env PYTHONPATH=src python stages/{name}.py"
    assert f"stages/{name}.py" in stages()[name]["deps"]
    assert f'run_stage("{name}"' in (ROOT / "stages" / f"{name}.py").read_text("utf-8")


def test_the_import_walk_sees_through_packages_and_functions() -> None:
    needed = needed_by(ROOT / "stages/prepare.py")
    assert {"hostcast.telemetry.grid", "hostcast.params.schema"} <= needed
    assert "hostcast.telemetry.simulation.fleet" in needed
    assert "hostcast.training" not in needed


def test_there_are_no_other_stage_scripts() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("*.py")} == set(stages())


def test_all_dependencies_in_the_repository_exist() -> None:
    outs = {out for stage in stages().values() for out in outs_of(stage)}
    for stage in stages().values():
        for dep in names(stage["deps"]):
            assert dep in outs or (ROOT / dep).exists(), dep


def test_no_output_contains_another_and_none_is_made_twice() -> None:
    outs = [Path(out) for stage in stages().values() for out in outs_of(stage)]
    assert len(set(outs)) == len(outs)
    for one in outs:
        assert not any(one in other.parents for other in outs), one


def test_settings_of_the_machine_are_no_stages_params() -> None:
    for stage in stages().values():
        assert not any(key.split(".")[0] == "runtime" for key in stage.get("params", []))


def test_every_listed_param_exists_and_every_other_section_is_listed() -> None:
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text("utf-8"))
    listed: set[str] = set()
    for stage in stages().values():
        for key in stage["params"]:
            value: Any = params
            for part in key.split("."):
                assert part in value, key
                value = value[part]
            listed.add(key.split(".")[0])
    assert listed == set(params) - {"runtime"}


def test_training_params_are_listed_by_training_alone() -> None:
    for name, stage in stages().items():
        others = {key for key in stage["params"] if key.split(".")[0] == "train"}
        assert others <= ({"train"} if name == "train" else {"train.engine"}), name


def test_metrics_are_kept_by_git() -> None:
    for stage in stages().values():
        for entry in stage.get("metrics", []):
            assert next(iter(entry.values())) == {"cache": False}


def test_every_plot_is_declared_once_and_drawn_from_an_output() -> None:
    outs = [Path(out) for stage in stages().values() for out in outs_of(stage)]
    titles: list[str] = []
    for plot in pipeline()["plots"]:
        sources = [plot]
        if isinstance(plot, dict):
            ((title, content),) = plot.items()
            titles.append(title)
            sources = list(content["y"])
        else:
            titles.append(plot)
        for source in sources:
            path = Path(source)
            assert any(path == out or out in path.parents for out in outs), source
    assert len(set(titles)) == len(titles)

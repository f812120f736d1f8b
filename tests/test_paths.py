"""`hostcast.paths` and `dvc.yaml` name the same artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hostcast import paths

ROOT = Path(__file__).parents[1]
# params.yaml is DVC's own; logs and checkpoints are for people, and no stage's output
OUTSIDE_DVC = {paths.PARAMS, paths.LOGS, paths.CHECKPOINTS}


def declared(*kinds: str) -> set[Path]:
    """Every path that the stages of dvc.yaml list under the given keys."""
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
    entries: list[Any] = [
        entry for stage in stages.values() for kind in kinds for entry in stage.get(kind, [])
    ]
    return {Path(next(iter(entry)) if isinstance(entry, dict) else entry) for entry in entries}


def known() -> set[Path]:
    return {getattr(paths, name) for name in paths.__all__}


def covers(path: Path, other: Path) -> bool:
    return path == other or path in other.parents


def test_every_path_that_the_code_knows_is_declared_to_dvc() -> None:
    everything = declared("deps", "outs", "metrics")
    lost = {path for path in known() - OUTSIDE_DVC if not any(covers(one, path) for one in everything)}
    assert lost == set()


def test_every_output_that_dvc_declares_is_written_under_a_path_the_code_knows() -> None:
    strangers = {out for out in declared("outs", "metrics") if not any(covers(out, path) for path in known())}
    assert strangers == set()


def test_every_data_dependency_is_an_output_or_comes_from_outside() -> None:
    data = {path for path in declared("deps") if path.parts[0] not in ("src", "stages")}
    assert data - declared("outs", "metrics") == {paths.RAW, paths.PULLED}


def test_no_path_has_two_names() -> None:
    assert len(known()) == len(paths.__all__)


def test_what_git_ignores_is_exactly_what_dvc_or_nobody_keeps() -> None:
    ignored = {
        Path(line.strip("/")) for line in (ROOT / ".gitignore").read_text("utf-8").splitlines() if line
    }
    for out in declared("outs"):
        assert any(covers(path, out) for path in ignored), out
    for metrics in declared("metrics"):
        assert not any(covers(path, metrics) for path in ignored), metrics
    for path in OUTSIDE_DVC - {paths.PARAMS}:
        assert any(covers(one, path) for one in ignored), path

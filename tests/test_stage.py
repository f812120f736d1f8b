"""One stage's run: its exit code, its message, and what is left when it fails."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet import SHIPPED
from hostcast.errors import HostcastError
from hostcast.files import write_text
from hostcast.params import Params
from hostcast.stage import run_stage

METRICS = Path("reports/demo/metrics.json")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with nothing but the shipped params, and logging as it was before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOSTCAST_STATE_DIR", raising=False)
    shutil.copyfile(SHIPPED, "params.yaml")
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with warnings.catch_warnings():
        yield tmp_path
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def failing(error: BaseException) -> Callable[[Params], None]:
    def work(params: Params) -> None:
        METRICS.unlink(missing_ok=True)
        raise error

    return work


def test_work_gets_the_checked_params_and_ends_with_zero() -> None:
    seen: list[Params] = []
    assert run_stage("demo", seen.append) == 0
    assert isinstance(seen[0], Params)


def test_a_users_error_is_a_message_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    error = HostcastError("is odd", remedy="make it even", file="a.csv")
    assert run_stage("demo", failing(error)) == 1
    said = capsys.readouterr().err
    assert "demo | file a.csv: is odd\n  What to do: make it even" in said
    assert "Traceback" not in said


def test_bad_params_end_like_any_other_users_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text("base: 3\n")
    assert run_stage("demo", failing(AssertionError("not reached"))) == 1
    assert "file params.yaml: " in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_message_that_names_the_file(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_stage("demo", failing(OSError(number, os.strerror(number), "out.parquet"))) == 1
    said = capsys.readouterr().err
    assert "the disk is full: out.parquet\n  What to do: free some space" in said


@pytest.mark.parametrize("error", [OSError("no file to blame"), ValueError("a bug")])
def test_what_nobody_foresaw_is_not_hidden(error: BaseException) -> None:
    with pytest.raises(type(error)):
        run_stage("demo", failing(error))


def test_a_file_that_may_not_be_read_is_a_message_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "telemetry.csv")
    assert run_stage("demo", failing(denied)) == 1
    assert (
        "Permission denied: telemetry.csv\n  What to do: see that it can be read" in capsys.readouterr().err
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interruption_ends_as_shells_expect(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_stage("demo", failing(error)) == 130
    assert "interrupted; run `dvc repro` again" in capsys.readouterr().err


def test_who_runs_a_stage_otherwise_is_told_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "mine.json")
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "mine.json")
    for error in (KeyboardInterrupt(), full, denied):
        assert run_stage("demo", failing(error), restores=False, again="run the same command again") != 0
        said = capsys.readouterr().err
        assert "run the same command again\n" in said
        assert "dvc repro" not in said


def test_a_stage_that_is_told_to_end_ends_like_an_interrupted_one(capsys: pytest.CaptureFixture[str]) -> None:
    def work(params: Params) -> None:
        signal.raise_signal(signal.SIGTERM)

    assert run_stage("demo", work) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_stage_that_never_ran_has_nothing_to_put_back() -> None:
    error = HostcastError("is odd", remedy="make it even")
    assert run_stage("demo", failing(error), metrics=[METRICS]) == 1
    assert not METRICS.exists()


def test_metrics_are_kept_in_the_project_whatever_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTCAST_STATE_DIR", str(tmp_path / "elsewhere"))

    def good(params: Params) -> None:
        write_text(METRICS, "good")

    assert run_stage("demo", good, metrics=[METRICS]) == 0
    assert Path(".hostcast/kept/demo/metrics.json").read_text() == "good"
    assert not (tmp_path / "elsewhere").exists()


STAGE = """
import sys
from pathlib import Path
from hostcast.errors import HostcastError
from hostcast.stage import run_stage

METRICS = Path("metrics.json")

def main(params):
    content = Path("input.txt").read_text()
    Path("out").mkdir()
    Path("out/part.txt").write_text(content)
    METRICS.write_text(content)
    if content == "bad":
        raise HostcastError("is odd", remedy="make it even", file="input.txt")
    Path("out/rest.txt").write_text(content)

sys.exit(run_stage("demo", main, metrics=[METRICS]))
"""
PIPELINE = """
stages:
  demo:
    cmd: python demo.py
    deps: [demo.py, input.txt]
    outs: [out]
    metrics: [metrics.json: {cache: false}]
"""
OUTPUTS = ("out/part.txt", "out/rest.txt", "metrics.json")


@pytest.fixture
def dvc(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command dvc, in a pipeline of one stage that ran once."""
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": bin_folder + os.pathsep + os.environ.get("PATH", ""),
        "DVC_SITE_CACHE_DIR": str(project / "site"),
        "DVC_NO_ANALYTICS": "1",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["dvc", *words], env=environment, capture_output=True, text=True)

    assert run("init", "--no-scm", "--quiet").returncode == 0
    (project / "demo.py").write_text(STAGE)
    (project / "dvc.yaml").write_text(PIPELINE)
    (project / "input.txt").write_text("good")
    first = run("repro")
    assert first.returncode == 0, first.stderr
    return run


@pytest.mark.slow
def test_outputs_that_a_failing_run_left_half_written_become_those_of_the_last_good_run(
    dvc: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    (project / "input.txt").write_text("bad")
    failed = dvc("repro")
    assert failed.returncode != 0
    assert "file input.txt: is odd" in failed.stderr
    assert {(project / name).read_text() for name in OUTPUTS} == {"good"}
    (project / "input.txt").write_text("good")
    again = dvc("repro")
    assert again.returncode == 0
    assert "Running stage" not in again.stdout


@pytest.mark.slow
def test_what_cannot_be_put_back_does_not_hide_the_users_error(
    dvc: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    shutil.rmtree(project / ".dvc/cache")
    kept = project / ".hostcast/kept/demo/metrics.json"
    kept.write_text("of another branch")
    (project / "input.txt").write_text("bad")
    failed = dvc("repro")
    assert failed.returncode != 0
    assert "file input.txt: is odd" in failed.stderr
    assert "could not be put back" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (project / "metrics.json").read_text() == "bad"


@pytest.mark.slow
def test_in_a_fresh_clone_whose_cache_is_empty_the_metrics_come_back_from_git(
    dvc: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    for words in (["init", "-q"], ["add", "-f", "metrics.json"], [*who, "commit", "-q", "-m", "metrics"]):
        subprocess.run(["git", *words], check=True)
    shutil.rmtree(project / ".dvc/cache")
    shutil.rmtree(project / ".hostcast")
    (project / "input.txt").write_text("bad")
    failed = dvc("repro")
    assert failed.returncode != 0
    assert "out of the last good run could not be put back" in failed.stderr
    assert (project / "metrics.json").read_text() == "good"

"""A copy of the whole project with params small enough for a pipeline of seconds."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

__all__ = ["Outcome", "Project", "tree_of"]

ROOT = Path(__file__).parents[2]
HOOK = Path(__file__).parent / "hooks" / "sitecustomize.py"
LEFT_OUT = ("tests/", ".explore/", ".whl/", ".hostcast/", "reports/", "dvc.lock", "dvc.yaml.lock")
TINY: dict[str, Any] = {
    "base.freq": "30min",
    "prepare.min_rows": 24,
    "prepare.simulate.servers": 4,
    "prepare.simulate.days": 6,
    "split.encoder_length": 48,
    "split.min_encoder_length": 24,
    "split.horizon": 12,
    "split.validation_stride": 4,
    "model.hidden_size": 4,
    "model.attention_heads": 1,
    "model.hidden_continuous_size": 4,
    "train.epochs": 3,
    "train.batch_size": 16,
    "train.windows_per_epoch": 64,
    "train.validation_windows": 32,
    "train.log_every_n_steps": 1,
    "evaluate.season": 48,
    "evaluate.stride": 6,
    "evaluate.plot_servers": 1,
    "evaluate.lightgbm.rows": 2000,
    "evaluate.lightgbm.rounds": 5,
    "benchmark.only": ["fleet.loader"],
    "benchmark.engine_repeats": 1,
    "benchmark.seconds": 0.05,
    "benchmark.repeats": 1,
    "benchmark.batches": 2,
    "benchmark.validation_batches": 1,
    "benchmark.batch_size": 8,
    "benchmark.num_workers": 1,
    "runtime.num_workers": 0,
    "runtime.accelerator": "cpu",
}


@dataclass(frozen=True)
class Outcome:
    """What a command came to: its exit code, and all it said on stdout and stderr."""

    code: int
    text: str
    out: str

    @property
    def ran(self) -> list[str]:
        """Stages that DVC ran, in order."""
        return re.findall(r"^Running stage '(\w+)'", self.text, re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A project folder of its own, under git and DVC."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Project:
        """Copy the project as git would share it, shrink its params and commit."""
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
        )
        assert listed.returncode == 0, listed.stderr
        for name in listed.stdout.splitlines():
            source = ROOT / name
            if name.startswith(LEFT_OUT) or not source.is_file():
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
        # dvc.yaml puts src first on the path of its stages, and nothing else
        shutil.copyfile(HOOK, folder / "src" / HOOK.name)
        project = cls(folder)
        project.set(TINY)
        project.git("init", "--quiet", "--initial-branch=main")
        # DVC commits experiments by itself
        project.git("config", "user.name", "Test")
        project.git("config", "user.email", "test@localhost")
        project.commit()
        return project

    def copy(self, folder: Path) -> Project:
        """The project as it stands, outputs and caches included, in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    @property
    def environment(self) -> dict[str, str]:
        """Of every command: this interpreter and the project's own code come first."""
        dropped = ("HOSTCAST_", "GIT_", "DVC", "PYTEST_", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        bin_folder = str(Path(sys.executable).parent)
        return {
            **kept,
            "PATH": bin_folder + os.pathsep + kept.get("PATH", ""),
            "PYTHONPATH": str(self.folder / "src"),
            # a network this small is slower on many threads
            "OMP_NUM_THREADS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "tmp" / "site"),
        }

    def run(self, *command: str, **more: str) -> Outcome:
        """Run a command in the folder to its end; `more` goes to its environment."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(done.returncode, done.stdout + done.stderr, done.stdout)

    @property
    def params_read(self) -> Path:
        """Folder in which each stage that is run with it as TEST_PARAMS_READ notes the params it reads."""
        return self.folder.with_name(f"{self.folder.name}.params")

    def kill_at(self, where: str, *command: str) -> str:
        """Run a command until a process of it is about to make a call, then SIGKILL its whole group.

        Args:
            where: module, function and, for hooks of training, epoch and batch, separated by blanks.
            command: what to run.

        Returns:
            What it said on stdout and stderr.
        """
        marker = self.folder.with_name(f"{self.folder.name}.paused")
        marker.unlink(missing_ok=True)
        return self.kill_when(
            marker.exists,
            lambda process: os.killpg(process.pid, signal.SIGKILL),
            *command,
            TEST_PAUSE_AT=where,
            TEST_PAUSED=str(marker),
        )

    def kill_when(
        self,
        reached: Callable[[], bool],
        kill: Callable[[subprocess.Popen[bytes]], None],
        *command: str,
        **more: str,
    ) -> str:
        """Start a command in a process group of its own and `kill` it as soon as `reached`."""
        said = self.folder.with_name(f"{self.folder.name}.said")
        with said.open("wb") as sink:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 300
        try:
            while not reached():
                assert process.poll() is None, f"ended before the kill\n{said.read_text('utf-8')}"
                assert time.monotonic() < deadline, f"never got there\n{said.read_text('utf-8')}"
                time.sleep(0.01)
            kill(process)
            assert process.wait(timeout=60) != 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=60)
        return said.read_text("utf-8")

    def must(self, *command: str, **more: str) -> Outcome:
        """`run`, for a command that has to succeed."""
        outcome = self.run(*command, **more)
        assert outcome.code == 0, f"{' '.join(command)} exited with {outcome.code}\n{outcome.text}"
        return outcome

    def repro(self, *options: str, **more: str) -> Outcome:
        """`dvc repro` that has to succeed."""
        return self.must("dvc", "repro", *options, **more)

    def stage(self, name: str, **more: str) -> Outcome:
        """A stage without DVC around it."""
        return self.run(sys.executable, f"stages/{name}.py", **more)

    def git(self, *words: str) -> str:
        """A git command that has to succeed; returns what it printed."""
        return self.must("git", *words).out

    def commit(self) -> None:
        """Commit everything that git does not ignore."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "state")

    def set(self, changes: Mapping[str, Any]) -> None:
        """Change params by dotted path, comments kept; a key that isn't there is added."""
        yaml = YAML()
        yaml.width = 1000
        path = self.folder / "params.yaml"
        content = yaml.load(path.read_text("utf-8"))
        for dotted, value in changes.items():
            *parents, key = dotted.split(".")
            section = content
            for parent in parents:
                section = section[parent]
            section[key] = value
        with path.open("w", encoding="utf-8") as sink:
            yaml.dump(content, sink)

    def lock(self) -> dict[str, Any]:
        """dvc.lock by stage."""
        content = YAML(typ="safe").load((self.folder / "dvc.lock").read_text("utf-8"))
        stages: dict[str, Any] = content["stages"]
        return stages

    def tree(self, *names: str) -> dict[str, str]:
        """SHA-256 of each file under the named files and folders."""
        return tree_of(self.folder, *names)


def tree_of(folder: Path, *names: str) -> dict[str, str]:
    """SHA-256 by path of every file under the named files and folders of `folder`."""
    found: dict[str, str] = {}
    for name in names:
        top = folder / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file():
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found

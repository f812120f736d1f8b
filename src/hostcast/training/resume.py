"""Where a killed run goes on: saved outside DVC's outs, found again only by an exact match."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from hostcast.errors import HostcastError
from hostcast.files import read_json, sha256_of, write_json
from hostcast.training.checkpoint_io import EXTENSION

__all__ = ["ResumePoint", "RunState", "run_key"]

log = logging.getLogger(__name__)

ABANDONED_SECONDS = 14 * 24 * 3600


def run_key(content: Mapping[str, Any]) -> str:
    """A hash of all that decides a run's result: any difference starts afresh.

    Args:
        content: JSON-able; see `hostcast.training.provenance_of`.
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class ResumePoint:
    """A whole checkpoint, with the epoch that it starts and the optimiser steps before it."""

    checkpoint: Path
    epoch: int
    step: int


class RunState:
    """The folder of one run.

    Args:
        folder: parent of all runs' folders.
        key: from `run_key`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        # absolute, as Lightning remembers its checkpoint folder and compares it on resume
        self.folder = folder.resolve() / "train" / key[:32]
        self.key = key
        self._pointer = self.folder / "point.json"
        self._facts = self.folder / "run.json"

    def within(self, name: str) -> RunState:
        """State of a further training of the same run, which goes with this one's."""
        return RunState(self.folder / name, self.key)

    @property
    def checkpoints(self) -> Path:
        """Folder of the best checkpoints."""
        return self.folder / "checkpoints"

    def find_point(self) -> ResumePoint | None:
        """The point to go on from, if this very run was interrupted."""
        if not self._pointer.exists() or not self._facts.exists():
            return None
        try:
            self.facts()
            content = read_json(self._pointer)
            checkpoint = self.folder / str(content["checkpoint"])
            point = ResumePoint(checkpoint, int(content["epoch"]), int(content["step"]))
            # Lightning forgets the best checkpoints when their folder has moved
            if content["key"] != self.key or content["folder"] != str(self.folder):
                return None
            whole = sha256_of(checkpoint) == content["sha256"]
        except (KeyError, TypeError, ValueError, OSError):
            whole = False
        if not whole:
            log.warning("the resume state in %s was altered: starting afresh", self.folder)
            return None
        return point

    def start_afresh(self, facts: Mapping[str, Any]) -> None:
        """Clear the folder and note what a resumed run must know."""
        with self._writing():
            shutil.rmtree(self.folder, ignore_errors=True)
            _drop_abandoned(self.folder.parent)
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            write_json(self._facts, dict(facts))

    def facts(self) -> dict[str, Any]:
        """What `start_afresh` noted."""
        content: dict[str, Any] = read_json(self._facts)
        return content

    def save_point(self, trainer: Trainer) -> None:
        """Save a checkpoint, then point to it: a kill in between leaves the former point valid."""
        checkpoint = self.folder / f"resume-{trainer.current_epoch:05d}{EXTENSION}"
        trainer.save_checkpoint(checkpoint)
        with self._writing():
            write_json(
                self._pointer,
                {
                    "key": self.key,
                    "folder": str(self.folder),
                    "checkpoint": checkpoint.name,
                    "sha256": sha256_of(checkpoint),
                    "epoch": trainer.current_epoch,
                    "step": trainer.global_step,
                },
            )
            for other in self.folder.glob(f"resume-*{EXTENSION}"):
                if other != checkpoint:
                    other.unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HostcastError(
                f"the resume state could not be written: {error}",
                file=self.folder,
                remedy="free some disk space, or set HOSTCAST_STATE_DIR to a folder that has some and "
                "can be written to, and run `dvc repro` again",
            ) from error

    def finish(self, keep: Path) -> None:
        """Move the best checkpoints to `keep` and drop the rest: a finished run is never resumed."""
        for leftover in self.checkpoints.glob(".*.tmp"):
            # half written when the run was killed
            leftover.unlink()
        shutil.rmtree(keep, ignore_errors=True)
        keep.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.checkpoints, keep)
        self.drop()

    def drop(self) -> None:
        """Drop all of a finished run."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _drop_abandoned(folder: Path) -> None:
    """Delete the state of runs that nobody went on with: params were changed, and never changed back."""
    for run in folder.glob("*"):
        if run.is_dir() and time.time() - run.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(run, ignore_errors=True)

"""Running one stage: params in, errors as messages, nothing lost when it fails."""

from __future__ import annotations

import errno
import hashlib
import logging
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from hostcast.errors import HostcastError
from hostcast.params import Params, load_params

__all__ = ["run_stage"]

log = logging.getLogger(__name__)

# not in $HOSTCAST_STATE_DIR: that one may be full, and moves
KEPT = Path(".hostcast/kept")


def run_stage(
    name: str,
    work: Callable[[Params], None],
    *,
    metrics: Sequence[Path] = (),
    restores: bool = True,
    again: str = "run `dvc repro` again",
) -> int:
    """Run `work` as stage `name`; returns the exit code.

    DVC deletes a stage's outputs before it starts the stage. If the stage then fails, the outputs of the
    last good run are put back, so a bad input or a full disk costs nothing that was there before.

    Args:
        name: the stage's name in dvc.yaml.
        work: does the stage's work.
        metrics: outputs that git keeps and DVC does not cache.
        restores: put outputs back; False where someone else than DVC runs this, and they are still there.
        again: what to do once nothing is in the way any more.
    """
    _set_up_logging(name)

    def put_back() -> None:
        if restores:
            _restore(name, metrics)

    # `kill` and a container's stop deserve what Ctrl-C gets
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        work(load_params())
    except HostcastError as error:
        log.error("%s", error)
    except OSError as error:
        if error.filename is None and error.errno not in _FULL:
            put_back()
            raise
        full = error.errno in _FULL
        log.error(
            "%s: %s\n  What to do: %s",
            "the disk is full" if full else error.strerror,
            error.filename or error,
            f"free some space and {again}" if full else f"see that it can be read and written, and {again}",
        )
    except (KeyboardInterrupt, SystemExit):
        # Lightning turns the first into the second
        log.error("interrupted; %s", again)
        put_back()
        return 130
    except BaseException:
        put_back()
        raise
    else:
        if restores:
            _keep(name, metrics)
        return 0
    put_back()
    return 1


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _set_up_logging(name: str) -> None:
    logging.basicConfig(level=logging.INFO, format=f"{name:>9} | %(message)s", stream=sys.stderr, force=True)
    for noisy in ("lightning", "lightning.pytorch", "lightning.fabric", "pytorch_lightning", "dvc"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
        logging.getLogger(noisy).propagate = False
    logging.captureWarnings(True)
    # of libraries about other libraries: nothing a user of hostcast could act on
    for message in (
        ".*given NumPy array is not writable.*",
        ".*isinstance\\(treespec, LeafSpec\\).*",
        ".*is deprecated.*",
    ):
        warnings.filterwarnings("ignore", message=message)


def _keep(name: str, metrics: Sequence[Path]) -> None:
    folder = KEPT / name
    for path in metrics:
        if path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path.name)


def _restore(name: str, metrics: Sequence[Path]) -> None:
    if not Path("dvc.lock").exists():
        return
    # only a failing stage pays for importing DVC
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_objects.errors import ObjectFormatError

    errors = (DvcException, ObjectFormatError, OSError)
    try:
        with Repo() as repo:
            for out in repo.stage.load_one(name=name).outs:
                # a folder may be there, but half written
                if not out.hash_info or (Path(out.fs_path).exists() and not out.changed_checksum()):
                    continue
                path = Path(out.fs_path).relative_to(repo.root_dir)
                try:
                    if out.use_cache:
                        out.checkout(force=True)
                    elif not (path in metrics and _restore_metrics(name, path, out.hash_info.value)):
                        continue
                except errors as error:
                    # a fresh clone's cache has none; what git has is put back all the same
                    log.warning("%s of the last good run could not be put back: %s", path, error)
                    continue
                log.info("put back %s of the last good run", path)
    except errors as error:
        log.warning(
            "the last good run's outputs could not be put back (%s); `dvc checkout` may still do it", error
        )


def _restore_metrics(name: str, path: Path, md5: str) -> bool:
    kept = KEPT / name / path.name
    # after a change of branch, the last run here is not the one that dvc.lock speaks of
    for content in (kept.read_bytes() if kept.exists() else None, _committed(path)):
        if content is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() == md5:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            return True
    return False


def _committed(path: Path) -> bytes | None:
    """A file as the last commit has it."""
    try:
        shown = subprocess.run(["git", "show", f"HEAD:./{path.as_posix()}"], capture_output=True, check=False)
    except OSError:
        return None
    return shown.stdout if shown.returncode == 0 else None

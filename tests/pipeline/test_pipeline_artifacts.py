"""What a whole run leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project
from ruamel.yaml import YAML

# of pickle protocols 2 to 5, of torch.save's archive and of its older format
PICKLE_MAGIC = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"PK\x05\x06")
PICKLE_NAMES = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".npy"}


def pickled_files(folder: Path, *names: str) -> list[str]:
    """Files under the named folders that look or are named like a pickle."""
    files = [path for name in names for path in (folder / name).rglob("*") if path.is_file()]
    assert files
    return [
        str(path)
        for path in files
        if path.read_bytes()[:4].startswith(PICKLE_MAGIC) or path.suffix in PICKLE_NAMES
    ]


def test_a_run_leaves_no_pickle(finished: Project) -> None:
    assert pickled_files(finished.folder, "models", ".hostcast", "reports", "data") == []


def test_a_model_folder_holds_weights_corrections_a_description_and_an_account_of_the_training_data(
    finished: Project,
) -> None:
    assert {path.name for path in (finished.folder / "models/tft").iterdir()} == {
        "calibration.safetensors",
        "model.json",
        "training_data.json",
        "weights.safetensors",
    }


def test_the_best_checkpoints_and_the_last_are_kept_beside_the_model(finished: Project) -> None:
    names = {path.name for path in (finished.folder / "models/checkpoints").iterdir()}
    assert "last.safetensors" in names
    assert sum(name.startswith("tft-epoch=") for name in names) == 3


def test_git_sees_no_output_but_the_lock_and_the_metrics(finished: Project) -> None:
    tracked = finished.git("ls-files", "data", "models", "reports", "logs", ".hostcast", "dvc.lock").split()
    assert sorted(tracked) == [
        "data/pulled/README.md",
        "data/raw/README.md",
        "dvc.lock",
        "reports/benchmark/metrics.json",
        "reports/evaluate/metrics.json",
        "reports/train/metrics.json",
    ]


# The benchmark trains as `train` does, and splits data as `split` does, but with sections of its own making,
# of which only what it lists comes from params.yaml; the recorder can't tell the two apart.
# Who does the work of `featurize` makes no difference to what comes of it.
READ_WITHOUT_DEPENDING = {"benchmark": ("train", "split"), "featurize": ("prepare.engine",)}


@pytest.mark.parametrize("stage", ["prepare", "featurize", "split", "train", "evaluate", "benchmark"])
def test_a_stage_lists_every_param_that_its_code_reads(finished: Project, stage: str) -> None:
    dvc_yaml = YAML(typ="safe").load((finished.folder / "dvc.yaml").read_text("utf-8"))
    listed = [*dvc_yaml["stages"][stage]["params"], "runtime", *READ_WITHOUT_DEPENDING.get(stage, ())]
    read = (finished.params_read / stage).read_text("utf-8").split()
    assert read
    unlisted = {path for path in read if not any(f"{path}.".startswith(f"{one}.") for one in listed)}
    assert unlisted == set()


def test_tensorboard_logs_were_written(finished: Project) -> None:
    assert len(list((finished.folder / "logs/tft_training").rglob("events.out.tfevents.*"))) == 1

"""The account of the training data in a model folder, found without loading the model (and so torch)."""

from __future__ import annotations

from pathlib import Path

from hostcast.errors import HostcastError
from hostcast.files import read_json, sha256_of

__all__ = ["training_data_of"]

DESCRIPTION = "model.json"
_RESTORE = "restore the folder (`dvc checkout models/tft`) or train anew (`dvc repro -f train`)"


def training_data_of(model: Path) -> Path:
    """The account that `hostcast.model.save_model` kept with a model.

    Raises:
        HostcastError: there is no model, it has none, or it isn't the one that the model was saved with.
    """
    description = model / DESCRIPTION
    try:
        told = read_json(description).get("training_data")
        path, digest = (None, "") if told is None else (model / Path(told["file"]).name, told["sha256"])
    except FileNotFoundError:
        raise HostcastError("there is no model here", file=description, remedy=_RESTORE) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostcastError(
            f"not readable as a model's description: {type(error).__name__}",
            file=description,
            remedy=_RESTORE,
        ) from None
    if path is None or not path.is_file():
        raise HostcastError("there is no account of the training data here", file=model, remedy=_RESTORE)
    if sha256_of(path) != digest:
        raise HostcastError(
            f"was altered: its SHA-256 is not the one in {DESCRIPTION}", file=path, remedy=_RESTORE
        )
    return path

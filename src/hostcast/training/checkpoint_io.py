"""Lightning checkpoints without pickle: tensors in safetensors, everything around them in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hostcast.errors import HostcastError
from hostcast.files import atomic_path

__all__ = ["EXTENSION", "SafetensorsCheckpointIO", "load_checkpoint", "save_checkpoint", "state_of"]

EXTENSION = ".safetensors"
_TREE = "hostcast.checkpoint"


class SafetensorsCheckpointIO(CheckpointIO):
    """Writes each checkpoint whole or not at all."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """See `save_checkpoint`."""
        save_checkpoint(checkpoint, Path(path))

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """See `load_checkpoint`; nothing in the file can run code, whatever `weights_only` says."""
        return load_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


def save_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a nested dict of tensors and plain values.

    Raises:
        HostcastError: the disk is full or can't be written to.
        TypeError: a value is neither a tensor nor plain.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_encode(checkpoint, tensors, "checkpoint"))
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={_TREE: tree})
    except (OSError, SafetensorError) as error:
        raise HostcastError(
            f"the checkpoint could not be written: {error}",
            file=path,
            remedy="free some disk space (or set HOSTCAST_STATE_DIR to a folder that has some) and "
            "run `dvc repro` again: training goes on from the last whole checkpoint",
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, onto the CPU."""
    with safe_open(path, framework="pt") as source:
        tensors = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118
        tree = source.metadata()[_TREE]
    content: dict[str, Any] = _decode(json.loads(tree), tensors)
    return content


def _encode(value: Any, tensors: dict[str, Tensor], where: str) -> Any:
    match value:
        case None | bool():
            return value
        # subclasses too: np.float64 is a float, torch's version is a str
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str(value)
        case Tensor():
            # copies, since safetensors refuses tensors that share memory
            # numbered, since the paths {"a/b": ...} and {"a": {"b": ...}} are the same
            name = f"{len(tensors)} {where}"
            tensors[name] = value.detach().cpu().clone().contiguous()
            return {"tensor": name}
        case list():
            return [_encode(item, tensors, f"{where}/{i}") for i, item in enumerate(value)]
        case tuple():
            return {"tuple": [_encode(item, tensors, f"{where}/{i}") for i, item in enumerate(value)]}
        case dict():
            # a list of pairs, because JSON would turn the optimiser's integer keys into text
            return {"dict": [[key, _encode(item, tensors, f"{where}/{key}")] for key, item in value.items()]}
        case _:
            raise TypeError(f"{where} is a {type(value).__name__}, which a checkpoint can't hold")


def _decode(value: Any, tensors: dict[str, Tensor]) -> Any:
    match value:
        case list():
            return [_decode(item, tensors) for item in value]
        case {"tensor": str() as name}:
            return tensors[name]
        case {"tuple": list() as items}:
            return tuple(_decode(item, tensors) for item in items)
        case {"dict": list() as pairs}:
            return {key: _decode(item, tensors) for key, item in pairs}
        case _:
            return value


def state_of(checkpoint: dict[str, Any], prefix: str) -> dict[str, torch.Tensor]:
    """The weights of one submodule out of a checkpoint's state dict."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(prefix)
    }

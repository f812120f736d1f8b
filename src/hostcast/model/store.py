"""Saving and loading a trained model without pickle."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model as load_weights
from safetensors.torch import save_file
from torch import Tensor, nn

from hostcast.calibration import Calibration, read_calibration, write_calibration
from hostcast.engines import Architecture, Engine, Network, get_engine
from hostcast.errors import HostcastError
from hostcast.files import read_json, sha256_of, write_json, write_text
from hostcast.windows import InputSpec

__all__ = ["Model", "load_model", "save_model"]

FORMAT = 1
WEIGHTS = "weights.safetensors"
DESCRIPTION = "model.json"
TRAINING_DATA = "training_data.json"
CALIBRATION = "calibration.safetensors"


@dataclass(frozen=True)
class Model:
    """A network with all that is needed to forecast with it.

    Attributes:
        network: on the CPU, in evaluation mode.
        spec: inputs, scales and vocabularies, fitted on the training span.
        architecture: sizes of the network.
        engine: name of the engine that computes it.
        provenance: params, hashes of the inputs, versions, training metrics.
        calibration: corrections of its intervals; None = they stay as they are.
    """

    network: Network
    spec: InputSpec
    architecture: Architecture
    engine: str
    provenance: dict[str, Any]
    calibration: Calibration | None = None

    def get_engine(self) -> Engine:
        """The engine that computes the network."""
        return get_engine(self.engine)


def save_model(model: Model, folder: Path, *, training_data: str | None = None) -> None:
    """Write the model folder; what stood there stays until the new one is whole.

    Args:
        model: what to write.
        folder: where.
        training_data: text of an account of what the model was trained on (JSON), to be kept with it.

    Raises:
        HostcastError: the disk is full or can't be written to.
    """
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        weights = temporary / WEIGHTS
        save_file(_distinct(model.network), weights, metadata={"format": "pt"})
        written = [weights]
        accounts: dict[str, dict[str, str]] = {}
        if training_data is not None:
            written.append(temporary / TRAINING_DATA)
            write_text(written[-1], training_data)
            accounts["training_data"] = {"file": TRAINING_DATA, "sha256": sha256_of(written[-1])}
        if model.calibration is not None:
            written.append(temporary / CALIBRATION)
            write_calibration(model.calibration, written[-1])
            accounts["calibration"] = {"file": CALIBRATION, "sha256": sha256_of(written[-1])}
        write_json(
            temporary / DESCRIPTION,
            {
                "format": FORMAT,
                "engine": model.engine,
                "architecture": model.architecture.to_dict(),
                "spec": model.spec.to_dict(),
                "weights": {"file": WEIGHTS, "sha256": sha256_of(weights)},
                **accounts,
                **model.provenance,
            },
        )
        for path in (temporary, *written):
            # mkdtemp and safetensors leave them private
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except (OSError, SafetensorError) as error:
        raise HostcastError(
            f"the model could not be written: {error}",
            file=folder,
            remedy="free some disk space and run `dvc repro` again",
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _distinct(network: nn.Module) -> dict[str, Tensor]:
    """A network's tensors, shared ones under the first of their names.

    safetensors' own `save_model` lists the other names in an order that differs from run to run, so the
    same weights would be other bytes.
    """
    tensors: dict[str, Tensor] = {}
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    for name, tensor in sorted(network.state_dict().items()):
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() == 0 or place not in seen:
            tensors[name] = tensor.contiguous()
        seen.add(place)
    return tensors


def load_model(folder: Path) -> Model:
    """Load a model folder. Nothing in it can run code.

    Raises:
        HostcastError: a file is missing or damaged, the weights are not those the model was saved with,
            or the description does not fit them.
    """
    description_path, weights_path = folder / DESCRIPTION, folder / WEIGHTS
    description = _description(description_path)
    if not weights_path.is_file():
        raise HostcastError("the weights are missing", file=weights_path, remedy=_RESTORE)
    try:
        if sha256_of(weights_path) != description["weights"]["sha256"]:
            raise HostcastError(
                f"the weights were altered: their SHA-256 is not the one in {DESCRIPTION}",
                file=weights_path,
                remedy=_RESTORE,
            )
        spec = InputSpec.from_dict(description["spec"])
        architecture = Architecture(**description["architecture"])
        network = get_engine(description["engine"]).network(spec, architecture)
        # safetensors stores modules that share weights once, and checks that all others are there
        load_weights(network, str(weights_path))
    except HostcastError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise HostcastError(
            f"the description does not fit the weights: {error!r}",
            file=description_path,
            remedy=_RESTORE,
        ) from error
    calibration = _calibration(folder, description)
    known = {"format", "engine", "architecture", "spec", "weights", "training_data", "calibration"}
    provenance = {key: value for key, value in description.items() if key not in known}
    return Model(network.eval(), spec, architecture, description["engine"], provenance, calibration)


def _calibration(folder: Path, description: Mapping[str, Any]) -> Calibration | None:
    """What a model was calibrated by; models that were saved before there was such a thing have none."""
    told = description.get("calibration")
    if told is None:
        return None
    path = folder / CALIBRATION
    try:
        if sha256_of(path) != told["sha256"]:
            raise HostcastError(
                f"was altered: its SHA-256 is not the one in {DESCRIPTION}", file=path, remedy=_RESTORE
            )
        return read_calibration(path)
    except FileNotFoundError:
        raise HostcastError("the calibration is missing", file=path, remedy=_RESTORE) from None
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise HostcastError(
            f"not readable as a calibration: {error!r}", file=path, remedy=_RESTORE
        ) from error


_RESTORE = "restore the folder (`dvc checkout models/tft`) or train anew (`dvc repro -f train`)"


def _description(path: Path) -> Mapping[str, Any]:
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise HostcastError("there is no model here", file=path, remedy=_RESTORE) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HostcastError(f"not readable as JSON: {error}", file=path, remedy=_RESTORE) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise HostcastError(
            f"not a model description of format {FORMAT}",
            file=path,
            remedy="load it with the version of hostcast that wrote it, or train anew",
        )
    return content

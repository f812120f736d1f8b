"""What a model was made from."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import hostcast
from hostcast.files import sha256_of
from hostcast.machine import uses_gpu
from hostcast.native import load_kernels
from hostcast.params import Params

__all__ = ["provenance_of"]

LIBRARIES = ("torch", "lightning", "pytorch-forecasting", "numpy", "pandas", "safetensors")


def provenance_of(params: Params, inputs: Iterable[Path]) -> dict[str, Any]:
    """Params, hashes of inputs and code, versions and device: all that decides a training's result.

    Taken at the start, since DVC hashes inputs only after the stage ran (treeverse/dvc#11058).

    Args:
        params: all params; sections that training does not read are left out.
        inputs: the files training reads.
    """
    content = params.model_dump(mode="json")
    for section in ("prepare", "featurize", "drift", "benchmark", "runtime"):
        del content[section]
    # these decide how forecasts are made of what training leaves
    for key in ("method", "rate"):
        del content["calibration"][key]
    content["evaluate"] = {"quantiles": content["evaluate"]["quantiles"]}
    gpu = uses_gpu(params.runtime)
    return {
        "params": content,
        "inputs": {path.as_posix(): sha256_of(path) for path in inputs},
        "code": _code_hashes(),
        "versions": {
            "hostcast": hostcast.__version__,
            "python": platform.python_version(),
            **{library: version(library) for library in LIBRARIES},
        },
        "device": torch.cuda.get_device_name() if gpu else _cpu(params),
    }


def _cpu(params: Params) -> str:
    device = f"cpu, {torch.get_num_threads()} threads"
    if params.train.engine == "fused":
        # they round otherwise than torch
        device += ", C kernels" if load_kernels() is not None else ", no C kernels"
    return device


def _code_hashes() -> dict[str, str]:
    root = Path(hostcast.__file__).parent
    parts = (
        "calibration",
        "engines",
        "features",
        "model",
        "native",
        "params",
        "splitting",
        "training",
        "windows",
    )
    files = [
        path for part in parts for path in (root / part).rglob("*") if path.suffix in (".py", ".c", ".h")
    ]
    return {path.relative_to(root).as_posix(): sha256_of(path) for path in sorted(files)}

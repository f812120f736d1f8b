"""Look into a process of the pipeline, or hold it still, without changing a file of the project.

Python imports this by itself when its folder is on PYTHONPATH; the tests copy it into their project's src.

TEST_PAUSE_AT names a module, a function in it and, for a hook of `ForecastModule`, epoch and batch. The
process stops there until it is killed, and makes the file TEST_PAUSED to say so.

TEST_PARAMS_READ names a folder. Each stage writes a file there of the params that its code reads, once
they are loaded, as lines of dotted paths.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

Patch = Callable[[ModuleType], None]


class _PatchAfterImport(Loader):
    def __init__(self, loader: Any, patch: Patch) -> None:
        self.loader, self.patch = loader, patch

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.patch(module)


class _Finder(MetaPathFinder):
    def __init__(self, module: str, patch: Patch) -> None:
        self.module, self.patch = module, patch

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        assert spec is not None
        spec.loader = _PatchAfterImport(spec.loader, self.patch)
        return spec


def _pause_at(module: str, function: str, *place: str) -> None:
    epoch, batch = (int(number) for number in place) if place else (None, None)

    def patch(loaded: ModuleType) -> None:
        *holders, name = function.split(".")
        holder: Any = loaded
        for part in holders:
            holder = getattr(holder, part)
        original = getattr(holder, name)

        def paused(*args: Any, **named: Any) -> Any:
            if epoch is None or (args[0].current_epoch == epoch and args[2] == batch):
                Path(os.environ["TEST_PAUSED"]).touch()
                time.sleep(600)
            return original(*args, **named)

        setattr(holder, name, paused)

    sys.meta_path.insert(0, _Finder(module, patch))


def _record_params(folder: Path) -> None:
    seen: set[str] = set()
    loaded = False

    def note(path: str) -> None:
        # what the checks of params.yaml read is no dependency; loading processes never load it
        if path in seen or not (loaded or multiprocessing.parent_process()):
            return
        seen.add(path)
        stage = Path(os.environ.get("TEST_STAGE") or sys.argv[0]).stem
        os.environ["TEST_STAGE"] = stage
        with (folder / stage).open("a") as sink:
            sink.write(f"{path}\n")

    def patch_schema(schema: ModuleType) -> None:
        places: dict[type, str] = {}

        def find(model: Any, path: str) -> None:
            places[model] = path
            for name, field in model.model_fields.items():
                if isinstance(field.annotation, type) and issubclass(field.annotation, schema.Section):
                    find(field.annotation, f"{path}{name}.")

        find(schema.Params, "")
        original = schema.Section.__getattribute__

        def noting(self: Any, name: str) -> Any:
            kind = type(self)
            if name in kind.model_fields:
                path = places[kind] + name
                if f"{path}." not in places.values():
                    note(path)
            return original(self, name)

        schema.Section.__getattribute__ = noting

    def patch_reader(reader: ModuleType) -> None:
        original = reader.load_params

        def loading(*args: Any) -> Any:
            nonlocal loaded
            params = original(*args)
            loaded = True
            return params

        reader.load_params = loading

    sys.meta_path.insert(0, _Finder("hostcast.params.schema", patch_schema))
    sys.meta_path.insert(0, _Finder("hostcast.params.reader", patch_reader))


if "TEST_PAUSE_AT" in os.environ:
    _pause_at(*os.environ["TEST_PAUSE_AT"].split())
if "TEST_PARAMS_READ" in os.environ:
    _record_params(Path(os.environ["TEST_PARAMS_READ"]))

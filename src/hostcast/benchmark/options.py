"""The benchmark's command line: params of section `benchmark` for one run, and where to keep its results."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hostcast.params import BenchmarkParams, Params

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        out: JSON file for the engines' results; None = write what the stage writes.
        changes: keys of section `benchmark` -> values.
    """

    out: Path | None
    changes: dict[str, Any]

    @classmethod
    def read(cls, arguments: Sequence[str] | None = None) -> Self:
        """Parse the command line; a mistake in it ends the program with a message."""
        parser = argparse.ArgumentParser(
            description="Measure the engines side by side: as the stage does, or alone, with --out."
        )
        parser.add_argument(
            "--out", type=Path, help="write the results as JSON, with a page and a picture beside"
        )
        parser.add_argument("--suite", choices=["quick", "full"], help="benchmark.suite")
        parser.add_argument("--device", choices=["auto", "cpu", "cuda"], help="benchmark.device")
        parser.add_argument(
            "--only", type=_names, metavar="A,B", help="benchmark.only, e.g. fleet.train,large"
        )
        parser.add_argument("--repeats", dest="engine_repeats", type=_count, help="benchmark.engine_repeats")
        parser.add_argument("--seconds", type=_duration, help="benchmark.seconds")
        parser.add_argument("--time-limit", type=_duration, metavar="SECONDS", help="benchmark.time_limit")
        parser.add_argument("--quality-data", type=_names, metavar="A,B", help="benchmark.quality_data")
        parser.add_argument("--quality-repeats", type=_count, help="benchmark.quality_repeats")
        given = {key: value for key, value in vars(parser.parse_args(arguments)).items() if value is not None}
        out = given.pop("out", None)
        if out is not None and (out.is_dir() or not out.parent.is_dir()):
            parser.error(f"argument --out: {out} is a folder, or in a folder that is not there: name a file")
        return cls(out, given)

    def applied(self, params: Params) -> Params:
        """The params with the changes."""
        content = {**params.benchmark.model_dump(), **self.changes}
        return params.model_copy(update={"benchmark": BenchmarkParams.model_validate(content)})


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _duration(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value

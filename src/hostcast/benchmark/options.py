"""The benchmark's command line: params of section `benchmark` for one run, and where to keep its results."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hostcast.benchmark.given import Given
from hostcast.params import BenchmarkParams, Params

__all__ = ["Options"]

_ABOUT = """\
Measure the engines side by side: as the stage does, or alone, with --out.
What is not given is taken from section benchmark of params.yaml."""
_EXAMPLES = """\
examples:
  python stages/benchmark.py --out mine.json --only fleet.train,predict --repeats 5
  python stages/benchmark.py --out mine.json --suite full --device cpu --time-limit 1800
  python stages/benchmark.py --out mine.json --only time_to_quality --quality-data ../smd"""


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        out: JSON file for the engines' results; None = write what the stage writes.
        changes: keys of section `benchmark` -> values.
        given: the options that made these changes.
    """

    out: Path | None
    changes: dict[str, Any]
    given: Given = field(default_factory=Given)

    @classmethod
    def read(cls, arguments: Sequence[str] | None = None) -> Self:
        """Parse the command line; a mistake in it ends the program with a message."""
        parser = argparse.ArgumentParser(
            description=_ABOUT, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        actions = _add_options(parser)
        said = {key: value for key, value in vars(parser.parse_args(arguments)).items() if value is not None}
        out = said.pop("out", None)
        names = {action.dest: action.option_strings[0] for action in actions if action.dest in said}
        return cls(out, said, Given(names))

    def applied(self, params: Params) -> Params:
        """The params with the changes."""
        content = {**params.benchmark.model_dump(), **self.changes}
        return params.model_copy(update={"benchmark": BenchmarkParams.model_validate(content)})


def _add_options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    add = parser.add_argument
    return [
        add(
            "--out",
            type=_new_file,
            metavar="FILE.json",
            help="write the results there, with a page (.md) and a picture (.svg) beside; a file of a folder "
            "that is there. Without it, what the stage writes is written",
        ),
        add(
            "--suite",
            choices=["quick", "full"],
            help="quick: the shape fleet, about 2 minutes; full: all shapes, memory and time to quality",
        ),
        add("--device", choices=["auto", "cpu", "cuda"], help="auto is a GPU, if there is one"),
        add(
            "--only",
            type=_measurements,
            metavar="A,B",
            help="measure just these: a shape (fleet, large, electricity), a measurement (loader, step, "
            "train, predict, time_to_quality), both with a dot between (fleet.train), or memory; a "
            "measurement alone means the suite's shapes. Or data alone: prepare, featurize and split on "
            "fleets of up to 5 million rows, 100 million with --suite full, and beside pandas",
        ),
        add(
            "--repeats",
            dest="engine_repeats",
            type=_count,
            metavar="N",
            help="times that each engine is measured, in turn: 1, 2, ...",
        ),
        add(
            "--seconds",
            type=_duration,
            metavar="S",
            help="seconds that are counted in each measurement, once warm: a number above 0, e.g. 0.5",
        ),
        add(
            "--time-limit",
            type=_duration,
            metavar="S",
            help="seconds after which no more repeats begin: a number above 0",
        ),
        add(
            "--quality-data",
            type=_names,
            metavar="A,B",
            help="further projects to measure time to quality on: folders with data/features and data/split; "
            "each is named after its folder",
        ),
        add(
            "--quality-repeats",
            type=_count,
            metavar="N",
            help="trainings of each engine for time to quality, each with another seed: 1, 2, ...",
        ),
        add(
            "--same-recipe",
            action="store_const",
            const=True,
            help="time to quality: let the reference engine train with the fused engine's recipe, too",
        ),
    ]


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} is a folder, or in a folder that is not there: name a file"
        )
    if path.suffix != ".json":
        raise argparse.ArgumentTypeError(
            f"{text!r} is no .json file; the page (.md) and the picture (.svg) come to lie beside it"
        )
    try:
        # a measurement that takes an hour is no time to learn that
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} can't be written: {error.strerror}") from None


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing: name one, or several with commas between")
    return names


def _measurements(text: str) -> list[str]:
    names = _names(text)
    if "data" in names and len(set(names)) > 1:
        raise argparse.ArgumentTypeError(
            f"{text!r}: data is measured alone; run it by itself, and the others in another run"
        )
    return list(dict.fromkeys(names))


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

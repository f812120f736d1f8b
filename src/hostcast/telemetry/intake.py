"""Reading all of a source in bounded memory: a survey of each input, and its rows put aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock

from hostcast.errors import HostcastError
from hostcast.parts import Pool, Threads
from hostcast.telemetry.discovery import label_of
from hostcast.telemetry.formats import Stretch, Unread, read_stretch
from hostcast.telemetry.formats.columns import Columns
from hostcast.telemetry.observations import Block, Observations, join, typed_block
from hostcast.telemetry.place import counted_from
from hostcast.telemetry.runs import Run, Sorted
from hostcast.telemetry.survey import Survey
from hostcast.telemetry.wanted import Wanted

__all__ = ["SMALL_BYTES", "Intake", "Reading", "take_in"]

# inputs that are smaller share a task, and their rows a run
SMALL_BYTES = 16 << 20
RUN_ROWS = 1 << 19
# rows put aside up to this size stay in memory
MEMORY_BYTES = 768 << 20


@dataclass(frozen=True)
class Reading:
    """How rows are read.

    Attributes:
        wanted: the columns.
        timezone: of timestamps that name none.
        step_micros: length of a step.
        folder: where rows are put aside.
        skew: what parts spans of time, microseconds.
        skip: whether inputs with a fault are passed over.
    """

    wanted: Wanted
    timezone: str
    step_micros: int
    folder: Path
    skew: int
    skip: bool = False


@dataclass(frozen=True)
class Intake:
    """What came of reading.

    Attributes:
        surveys: by the input's number.
        runs: the rows, in the order read.
        faults: what was wrong with inputs that were passed over, by number.
    """

    surveys: dict[int, Survey] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    faults: dict[int, HostcastError] = field(default_factory=dict)


class _Room:
    """How much memory rows put aside take; where they lie makes no difference to anything else."""

    def __init__(self) -> None:
        self._bytes = 0
        self._lock = Lock()

    def taken(self, more: int) -> int:
        """Bytes, with `more` of them."""
        with self._lock:
            self._bytes += more
            return self._bytes


@dataclass(frozen=True)
class _Task:
    number: int
    stretches: list[tuple[int, Stretch | Unread | Block]]


@dataclass(frozen=True)
class _Done:
    inputs: frozenset[int]
    surveys: list[tuple[int, Survey]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    faults: dict[int, HostcastError] = field(default_factory=dict)


def take_in(
    inputs: Mapping[int, Sequence[Stretch | Unread | Block]],
    reading: Reading,
    pool: Pool,
    *,
    only: Mapping[str, Set[int]] | None = None,
    note: Callable[[int], None],
) -> Intake:
    """Read inputs.

    Args:
        inputs: by number, in the order read: a file's stretches, what another source reads itself, or
            blocks in memory.
        reading: how.
        pool: who reads files; what is in memory stays in this process.
        only: servers and stretches of time to put rows aside of; None = all.
        note: called with the number of rows that were read since the last call.

    Raises:
        HostcastError: see `read_file` and `typed_block`; of several, that of the first faulty input.
            Faulty inputs that are passed over raise none.
    """
    intake = Intake()
    parts: dict[int, list[Survey]] = {number: [] for number in inputs}
    alone: dict[int, list[Run]] = {}

    room = _Room() if pool.shares_memory else None
    if any(isinstance(stretch, Block) for stretches in inputs.values() for stretch in stretches):
        pool = Threads()
    for done in pool.each_in_order(partial(_read, reading, only, room), _tasks(inputs)):
        for number, survey in done.surveys:
            parts[number].append(survey)
        intake.runs.extend(done.runs)
        if len(done.inputs) == 1:
            alone.setdefault(min(done.inputs), []).extend(done.runs)
        for number, error in done.faults.items():
            intake.faults.setdefault(number, error)
        note(sum(survey.read for _, survey in done.surveys))
    for number in intake.faults:
        # an input of several blocks may have left some before its fault was met
        left = {id(run): run for run in alone.get(number, [])}
        intake.runs[:] = [run for run in intake.runs if id(run) not in left]
        for run in left.values():
            if run.path is not None:
                run.path.unlink()
        del parts[number]
    intake.surveys.update({number: Survey.merged(surveys, reading.skew) for number, surveys in parts.items()})
    return intake


def _several(stretch: Stretch | Unread | Block) -> bool:
    """Whether an input may be more blocks than this."""
    return isinstance(stretch, Stretch) and not stretch.whole


def _tasks(inputs: Mapping[int, Sequence[Stretch | Unread | Block]]) -> Iterator[_Task]:
    waiting: list[tuple[int, Stretch | Unread | Block]] = []
    size = count = 0
    for number, stretches in inputs.items():
        for stretch in stretches:
            if waiting and waiting[-1][0] != number and (_several(waiting[-1][1]) or _several(stretch)):
                # what is left of an input that turns out faulty must be told from all else
                yield _Task(count, waiting)
                waiting, size, count = [], 0, count + 1
            waiting.append((number, stretch))
            size += stretch.values.nbytes if isinstance(stretch, Block) else stretch.bytes
            if size >= SMALL_BYTES:
                yield _Task(count, waiting)
                waiting, size, count = [], 0, count + 1
    if waiting:
        yield _Task(count, waiting)


def _read(reading: Reading, only: Mapping[str, Set[int]] | None, room: _Room | None, task: _Task) -> _Done:
    done = _Done(frozenset(number for number, _ in task.stretches))
    held: list[tuple[Observations, Sorted]] = []

    def write() -> None:
        rows = held[0][1] if len(held) == 1 else _sorted([rows for rows, _ in held], reading)
        rows = rows if only is None else rows.only(only)
        path = None
        if room is None or room.taken(rows.nbytes) > MEMORY_BYTES:
            path = reading.folder / f"run-{task.number:06d}-{len(done.runs):04d}"
        run = Run.write(rows, path)
        if run is not None:
            done.runs.append(run)
        held.clear()

    for number, stretch in task.stretches:
        try:
            for raw, block in _blocks(stretch, reading):
                rows = join([block], reading.wanted)
                by_server = Sorted.of(rows, reading.step_micros)
                done.surveys.append((number, Survey.of(rows, by_server, raw, reading.skew)))
                held.append((rows, by_server))
                if sum(len(each.micros) for each, _ in held) >= RUN_ROWS:
                    write()
        except HostcastError as error:
            if not reading.skip:
                raise
            done.faults.setdefault(number, error)
    if held:
        write()
    return done


def _sorted(blocks: Sequence[Observations], reading: Reading) -> Sorted:
    return Sorted.of(join(blocks, reading.wanted), reading.step_micros)


def _blocks(stretch: Stretch | Unread | Block, reading: Reading) -> Iterator[tuple[Columns | None, Block]]:
    if isinstance(stretch, Block):
        yield None, stretch
        return
    if isinstance(stretch, Stretch):
        file, raws = label_of(stretch.path), read_stretch(stretch, reading.wanted)
    else:
        file, raws = None, stretch.read(reading.wanted)
    unsaid = reading.wanted.unsaid
    for raw in raws:
        with counted_from(raw.first_row):
            arrays = raw.columns.arrays
            if isinstance(stretch, Stretch):
                arrays = unsaid.completed(
                    arrays, raw.columns.chosen, stretch.path, raw.first_row + stretch.rows_before
                )
            block = typed_block(
                arrays,
                reading.wanted,
                file=file,
                timezone=reading.timezone,
                chosen=raw.columns.chosen,
                step_micros=reading.step_micros,
            )
        if unsaid.notation is not None:
            block = replace(block, notations=Counter({unsaid.notation: block.read}))
        yield raw.columns, block

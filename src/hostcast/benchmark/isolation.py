"""Running functions in a process of their own, so that its peak of memory is its own."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Self, TypeVar

from hostcast.errors import HostcastError

__all__ = ["OwnProcess", "in_fresh_process"]

# between asking a process to leave and ending it
GRACE_SECONDS = 10.0

Argument = TypeVar("Argument")
Result = TypeVar("Result")

# A spawned process would import torch and its company anew, seconds each time. The fork server imports
# them once; what it forks for each run has them, and no trace of any run before. Being a fresh interpreter
# that only imports, it has neither torch's threads nor a CUDA context, which don't survive a fork.
_PRELOADED = [
    "hostcast.benchmark.gains.training",
    "hostcast.benchmark.engines.bench",
    "tensorboard",
    "matplotlib.figure",
]


def in_fresh_process(function: Callable[[Argument], Result], argument: Argument, *, label: str) -> Result:
    """`function(argument)`, computed by a process that has computed nothing before.

    Args:
        function: importable by name; argument and result travel through a pipe.
        label: what is run, for messages.

    Raises:
        HostcastError: the function raised one, or the process was killed.
        RuntimeError: the function raised anything else; the message holds its traceback.
    """
    with OwnProcess(label) as process:
        result: Result = process.run(function, argument)
        return result


class OwnProcess:
    """A process that does what it is asked to, one thing after the other; for use in a `with`.

    Args:
        label: what it is for, in messages.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        _start_server()
        self._line, theirs = context.Pipe()
        # no daemon: it may have loading processes of its own
        arguments = (theirs, multiprocessing.get_start_method())
        self._process = context.Process(target=_serve, args=arguments, daemon=False)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._process.terminate()
            self._process.join(GRACE_SECONDS)
            # what it waits for may not let it go
            self._process.kill()
        self._line.close()
        self._process.join()

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(*arguments)`, computed there; see `in_fresh_process` for what is raised."""
        return self._answer("run", function, arguments)

    def hold(self, make: Callable[..., Any], *arguments: Any) -> None:
        """Let the process keep `make(*arguments)`, whose methods `ask` then calls."""
        self._answer("hold", make, arguments)

    def ask(self, method: str, *arguments: Any) -> Any:
        """What a method of the object that is held returns."""
        return self._answer("ask", method, arguments)

    def _answer(self, verb: str, what: Callable[..., Any] | str, arguments: tuple[Any, ...]) -> Any:
        try:
            self._line.send((verb, what, arguments))
            kind, *content = self._line.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            raise HostcastError(
                f"the benchmark's process for {self.label} ended without a result "
                f"(exit code {self._process.exitcode})",
                remedy="exit code -9 mostly means that memory ran out: lower benchmark.batch_size, or leave "
                "the large shapes out with benchmark.only",
            ) from None
        match kind:
            case "problem":
                problem, remedy = content
                raise HostcastError(f"{self.label}: {problem}", remedy=remedy)
            case "crash":
                raise RuntimeError(f"{self.label} failed:\n{content[0]}")
        return content[0]


def _start_server() -> None:
    """Start the fork server deaf to Ctrl-C, and with it all that it forks.

    A terminal tells every process of a Ctrl-C, and each would print a traceback; it is enough that the
    one who waits for them ends them.
    """
    # which lets Ctrl-C through again where it is started
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        # what a process doesn't hear, those that it starts don't hear either
        forkserver.ensure_running()
    finally:
        # a Ctrl-C that came meanwhile is heard now
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(line: Connection, start_method: str) -> None:
    # leave by the ordinary way, which removes what it has on the disk
    signal.signal(signal.SIGTERM, _leave)
    # or the loading processes would come from the fork server too, unlike those of a training
    multiprocessing.set_start_method(start_method, force=True)
    # advice on kernels and compiling is the same for each of many processes: who starts them gives it once
    for name in ("hostcast.native", "hostcast.training.fit"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # or the collector would look through all libraries' objects while something is timed
    gc.collect()
    gc.freeze()
    held: Any = None
    while True:
        try:
            verb, what, arguments = line.recv()
        except EOFError:
            return
        try:
            match verb:
                case "run":
                    line.send(("result", what(*arguments)))
                case "hold":
                    held = what(*arguments)
                    line.send(("result", None))
                case _:
                    line.send(("result", getattr(held, what)(*arguments)))
        except HostcastError as error:
            line.send(("problem", error.problem, error.remedy))
        except Exception:  # whatever it is, it is raised again in the parent
            line.send(("crash", traceback.format_exc()))


def _leave(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)

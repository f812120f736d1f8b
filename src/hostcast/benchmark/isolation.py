"""Running a function in a process of its own, so that its peak of memory is its own."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

from hostcast.errors import HostcastError

__all__ = ["in_fresh_process"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

# A spawned process would import torch and its company anew, seconds each time. The fork server imports
# them once; what it forks for each run has them, and no trace of any run before. Being a fresh interpreter
# that only imports, it has neither torch's threads nor a CUDA context, which don't survive a fork.
_PRELOADED = ["hostcast.benchmark.training", "tensorboard", "matplotlib.figure"]


def in_fresh_process(function: Callable[[Argument], Result], argument: Argument, *, label: str) -> Result:
    """`function(argument)`, computed by a process that has computed nothing before.

    Args:
        function: importable by name; argument and result travel through a pipe.
        label: what is run, for messages.

    Raises:
        HostcastError: the function raised one, or the process was killed.
        RuntimeError: the function raised anything else; the message holds its traceback.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, function, argument, multiprocessing.get_start_method())
    # no daemon: it may have loading processes of its own
    process = context.Process(target=_report, args=arguments, daemon=False)
    process.start()
    sender.close()
    try:
        kind, *content = receiver.recv()
    except EOFError:
        process.join()
        raise HostcastError(
            f"the benchmark's process for {label} ended without a result (exit code {process.exitcode})",
            remedy="exit code -9 mostly means that memory ran out: lower benchmark.batch_size",
        ) from None
    except BaseException:
        process.terminate()
        raise
    finally:
        receiver.close()
        process.join()
    match kind:
        case "problem":
            problem, remedy = content
            raise HostcastError(f"{label}: {problem}", remedy=remedy)
        case "crash":
            raise RuntimeError(f"{label} failed:\n{content[0]}")
    result: Result = content[0]
    return result


def _report(
    sender: Connection, function: Callable[[Argument], Result], argument: Argument, start_method: str
) -> None:
    # or the loading processes would come from the fork server too, unlike those of a training
    multiprocessing.set_start_method(start_method, force=True)
    try:
        sender.send(("result", function(argument)))
    except HostcastError as error:
        sender.send(("problem", error.problem, error.remedy))
    except Exception:  # whatever it is, it is raised again in the parent
        sender.send(("crash", traceback.format_exc()))
    finally:
        sender.close()

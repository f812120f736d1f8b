"""Windows per second, once warm."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

__all__ = ["Pace", "PaceClock"]

# batches that the host may be ahead of the GPU: enough to keep it busy, few enough to end on time
AHEAD = 16
# slow work has used up by then what was loaded ahead, however many batches that was
PATIENCE, LEAST_WARM = 5.0, 3


class Pace:
    """Counts windows from when the work is warm until enough time has passed.

    The device is waited for when the clock starts and when it stops, and never in between.

    Args:
        seconds: how long to count, at least.
        warm_batches: batches that are not counted; fewer where they take longer than PATIENCE.
        least: batches to count, at least.
        warm_seconds: how long not to count, at least.
        device: where the work is done.

    Attributes:
        warm_up_seconds: from the making of this object until counting began.
        seconds: counted.
        windows: counted.
        done: enough was seen.
    """

    def __init__(
        self, *, seconds: float, warm_batches: int, least: int = 2, warm_seconds: float = 0.0, device: str
    ) -> None:
        self._wanted, self._least = seconds, least
        self._warm_batches, self._warm_seconds = warm_batches, warm_seconds
        self._gpu = device == "cuda"
        self._events: deque[torch.cuda.Event] = deque()
        self._origin = self._now()
        self._start = None if warm_batches else self._origin
        self._batches = 0
        self.warm_up_seconds = 0.0
        self.seconds = 0.0
        self.windows = 0
        self.done = False

    @property
    def windows_per_second(self) -> float:
        """What was counted."""
        return self.windows / self.seconds if self.seconds else 0.0

    def tick(self, windows: int) -> None:
        """Note that a batch was done, or is on its way through the GPU."""
        self._batches += 1
        self._stay_near()
        if self._start is None:
            waited = self._elapsed(self._origin)
            enough = self._batches >= self._warm_batches or (
                self._batches >= LEAST_WARM and waited >= PATIENCE
            )
            if enough and waited >= self._warm_seconds:
                self._start = self._now()
                self.warm_up_seconds = self._start - self._origin
                self._batches = 0
            return
        self.windows += windows
        if self._batches >= self._least and self._elapsed(self._start) >= self._wanted:
            self.finish()

    def finish(self) -> None:
        """Stop the clock, also where the work ended before enough was seen."""
        if self._start is not None and not self.done:
            self.seconds = self._now() - self._start
        self.done = True

    def _stay_near(self) -> None:
        if not self._gpu:
            return
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._events.append(event)
        if len(self._events) > AHEAD:
            self._events.popleft().synchronize()

    def _elapsed(self, since: float) -> float:
        return time.perf_counter() - since

    def _now(self) -> float:
        if self._gpu:
            torch.cuda.synchronize()
        return time.perf_counter()


class PaceClock(Callback):
    """Counts training batches, and ends the training when enough was seen.

    Args:
        pace: counts.
        batch_size: windows per batch.
    """

    def __init__(self, pace: Pace, batch_size: int) -> None:
        self.pace = pace
        self.batch_size = batch_size

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch."""
        if self.pace.done:
            return
        self.pace.tick(self.batch_size)
        if trainer.is_last_batch:
            self.pace.finish()
        trainer.should_stop = trainer.should_stop or self.pace.done

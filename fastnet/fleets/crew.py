"""Jobs done side by side, each on a thread of its own: compiled kernels let go of the interpreter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastnet.training.callbacks import Callback

Result = TypeVar("Result")

LOOK_SECONDS = 0.2
"""Between two looks at Ctrl-C, which does not end waiting on every system."""


@dataclass
class Halt(Callback):
    """End the training of all members, at a time or when told to.

    Parameters
    ----------
    seconds : float, optional
        How long from now on.
    """

    seconds: float | None = None
    _told: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        self._deadline = None if self.seconds is None else time.monotonic() + self.seconds

    def call(self) -> None:
        """End it now."""
        self._told.set()

    def is_due(self) -> bool:
        """Tell whether it is to end."""
        return self._told.is_set() or (self._deadline is not None and time.monotonic() > self._deadline)

    def on_train_begin(self, model: Any) -> bool:
        """Let no member begin that would end at once."""
        return self.is_due()

    def on_chunk_end(self, model: Any, n_done: int, n_samples: int) -> bool:
        """Look at the clock."""
        return self.is_due()

    def on_epoch_end(self, model: Any, epoch: Any) -> bool:
        """Look at the clock."""
        return self.is_due()


def side_by_side(jobs: Sequence[Callable[[], Result]], n_threads: int, halt: Halt) -> list[Result]:
    """Do jobs, so many at a time, and return their results in order.

    The first error, Ctrl-C as well, ends the others at their next look at `halt`, and is raised when all have ended.
    A job may have jobs of its own done so.
    """
    with ThreadPoolExecutor(min(n_threads, len(jobs)), "fastnet") as pool:
        futures: list[Future[Result]] = [pool.submit(job) for job in jobs]
        try:
            while wait(futures, LOOK_SECONDS, FIRST_EXCEPTION).not_done and not any(map(_has_failed, futures)):
                pass
        finally:
            if not all(future.done() and not _has_failed(future) for future in futures):
                halt.call()
            pool.shutdown(wait=True, cancel_futures=True)
        for future in filter(_has_failed, futures):
            future.result()
        return [future.result() for future in futures]


def _has_failed(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is not None

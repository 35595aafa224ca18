"""What ends one rank ends all, after one line that says what it was: nobody waits for those who are gone."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

HEAD_START = 0.6
"""Seconds that a rank leaves those of lower numbers: what has gone wrong on all of them is told once."""

MOST_WAITED = 3.0

TIME_TO_READ = 0.3
"""Seconds between a line and the end, in which `mpiexec` passes it on: what it has not read by then is lost."""

_watched: list[Any] = []
"""The communicator of all ranks, once there are several."""


def watch(comm: Any) -> None:
    """Let an error that nobody handles end all ranks."""
    if not _watched:
        _watched.append(comm)
        sys.excepthook = _hook


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    frames = traceback.extract_tb(trace)
    place = f" ({frames[0].filename}, line {frames[0].lineno})" if frames else ""
    end_all(f"{kind.__name__}: {error}{place}", 1)


def end_all(message: str, code: int) -> None:
    """Print one line and end all ranks with an exit code; without other ranks, do nothing."""
    if not _watched:
        return
    (comm,) = _watched
    rank = comm.Get_rank()
    time.sleep(min(HEAD_START * rank, MOST_WAITED))
    with contextlib.suppress(OSError, ValueError):
        print(
            f"fastnet: rank {rank} of {comm.Get_size()}: {' '.join(message.split())}", file=sys.__stderr__, flush=True
        )
        sys.stdout.flush()
    time.sleep(TIME_TO_READ)
    comm.Abort(code)
    os._exit(code)  # what has aborted may still run for a while


@contextlib.contextmanager
def ending_all() -> Iterator[None]:
    """Let any exception in the block end all ranks, for others are waiting; not divergence, which all of them see."""
    try:
        yield
    except FloatingPointError:
        raise
    except BaseException as error:
        if _watched:
            _hook(type(error), error, error.__traceback__)
        raise

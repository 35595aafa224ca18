"""What a person is told while nothing seems to happen: on a terminal, or where a model was asked to be verbose."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar

_verbose: ContextVar[bool] = ContextVar("_verbose", default=False)


@contextlib.contextmanager
def verbose(asked: bool) -> Iterator[None]:
    """Let notices be printed among what a verbose model prints, if it is asked to be."""
    token = _verbose.set(asked)
    try:
        yield
    finally:
        _verbose.reset(token)


def tell(text: str) -> None:
    """Print a line for a person, if one looks on: but where a progress bar has taken over, which says so itself."""
    stream = sys.__stderr__  # None where a program has no console
    if _verbose.get():
        print(text, flush=True)
    elif stream is not None and sys.stderr is stream and stream.isatty():
        print(text, file=stream, flush=True)

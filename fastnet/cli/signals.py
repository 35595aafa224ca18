"""Signals that end a command: Ctrl-C, and those that a terminal, a scheduler or a container ends it with."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = 130

PATIENCE = 3.0
"""Seconds that code of others has to come back to Python after a signal, before the process is ended."""

ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Those that end a command as Ctrl-C does."""


class Endings:
    """What the first of `ENDINGS` does: what Ctrl-C would do at that time. Further ones come from the same cause.

    A run that ends because its session does gets two, and they must not keep it from saving what there is.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.act: Callable[[], None] = _interrupt
        self._terminals = [number for number in (1, 2) if _is_terminal(number)]

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if number == getattr(signal, "SIGHUP", None):
            _leave(self._terminals)
        if self.first is None:
            self.first = number
            self.act()

    def exit_code(self, code: int) -> int:
        """Return the exit code of an interrupted command: 128 and the number of the signal."""
        return code if self.first is None or code != INTERRUPTED else 128 + self.first


def _interrupt() -> None:
    raise KeyboardInterrupt


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False


def _leave(terminals: list[int]) -> None:
    """Send what is still to be printed on a terminal nowhere: it has been closed, and printing would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in terminals:
        with suppress(OSError):
            os.dup2(nowhere, number)
    os.close(nowhere)


_endings: Endings | None = None


@contextmanager
def endings() -> Iterator[Endings]:
    """Let `ENDINGS` interrupt what runs in the block; those that are ignored, as under nohup, stay so."""
    global _endings
    taken = Endings()
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in ENDINGS}
        before = {number: handler for number, handler in before.items() if handler is signal.SIG_DFL}
    outer, _endings = _endings, taken
    for number in before:
        signal.signal(number, taken)
    try:
        yield taken
    finally:
        _endings = outer
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back, and yield a function that tells whether it came; the second one is at once.

    The other signals of `endings` are held back too, but none of them is ever at once.
    """
    asked = False

    def ask() -> None:
        nonlocal asked
        asked = True

    def remember(_signal: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        ask()

    def was_asked() -> bool:
        return asked

    if _endings is not None:
        _endings.act = ask
    main_thread = threading.current_thread() is threading.main_thread()
    mine = main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, remember)
    try:
        yield was_asked
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if _endings is not None:
            _endings.act = _interrupt


@contextmanager
def prompt_interrupt() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C and `ENDINGS` end the block soon, whatever code of others runs in it.

    Yields a function that raises KeyboardInterrupt if a signal has come already: the fit of an estimator takes that
    exception for its own. What is not back in Python after `PATIENCE` is ended with the process: a library that
    computes for minutes in one call does not see signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    asked, left = False, threading.Event()

    def interrupt(*_: object) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, interrupt)
    if _endings is not None:
        _endings.act = interrupt
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_end_late, args=(read, left), daemon=True).start()
    try:
        yield check
    finally:
        left.set()
        signal.set_wakeup_fd(before)
        os.close(write)  # ends the thread
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if _endings is not None:
            _endings.act = _interrupt


def _end_late(read: int, left: threading.Event) -> None:
    """Read the numbers of signals; end the process if the block is not left in time after one that asks for it."""
    while number := os.read(read, 1):
        if number[0] in (signal.SIGINT, *ENDINGS) and not left.wait(PATIENCE):
            shown = "\x1b[?25h\n" if _is_terminal(2) else ""  # the cursor, which a line of progress hides
            with suppress(OSError):
                os.write(2, f"{shown}fastnet: interrupted\n".encode())
            os._exit(128 + number[0])
    os.close(read)

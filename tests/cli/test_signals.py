"""Signals that end a command, sent to this process. What a whole command makes of them is tested in `test_output`."""

import os
import signal
import sys

import pytest

from fastnet.cli.signals import INTERRUPTED, deferred_interrupt, endings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent there")


@pytest.fixture(autouse=True)
def default_handlers():
    """Undo what `nohup`, or another runner, had these signals do."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def send(number):
    os.kill(os.getpid(), number)
    signal.sigtimedwait([], 0)  # handlers run between two instructions of Python


def test_the_first_signal_interrupts_and_gives_the_exit_code():
    with endings() as taken:
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGTERM)
        send(signal.SIGTERM)  # of the same cause: what is saved meanwhile is not disturbed
    assert taken.exit_code(INTERRUPTED) == 128 + signal.SIGTERM
    assert (taken.exit_code(0), taken.exit_code(2)) == (0, 2)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_is_held_back_while_something_may_not_be_interrupted():
    with endings() as taken:
        with deferred_interrupt() as was_asked:
            assert not was_asked()
            send(signal.SIGTERM)
            assert was_asked()
            send(signal.SIGTERM)
        assert taken.exit_code(INTERRUPTED) == 128 + signal.SIGTERM


def test_a_second_ctrl_c_is_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with deferred_interrupt() as was_asked:
            send(signal.SIGINT)
            assert was_asked()
            with pytest.raises(KeyboardInterrupt):
                send(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with endings() as taken:
        send(signal.SIGTERM)
    assert taken.first is None
    assert taken.exit_code(INTERRUPTED) == INTERRUPTED

"""Signals that end a command, sent to this process. What a whole command makes of them is tested in `test_output`."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from fastnet.cli.signals import INTERRUPTED, deferred_interrupt, endings, prompt_interrupt

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


@pytest.fixture
def ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.SIGINT
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_a_library_takes_for_its_own_is_raised_again(ctrl_c, name):
    number = getattr(signal, name)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with endings(), prompt_interrupt() as check:
            check()
            with suppress(KeyboardInterrupt):  # as the fit of an estimator does
                send(number)
            with pytest.raises(KeyboardInterrupt):
                check()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGHUP, before)


BLOCKED = """
import hashlib, signal
from fastnet.cli import signals
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signals.PATIENCE = 0.2
with signals.endings(), signals.prompt_interrupt():
    while True:
        try:
            print("in", flush=True)
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 30)  # minutes in one call, which signals do not end
        except KeyboardInterrupt:  # it came before
            pass
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_library_that_does_not_come_back_is_ended_with_the_process(name):
    number = getattr(signal, name)
    with subprocess.Popen([sys.executable, "-c", BLOCKED], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout.readline() == "in\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, "fastnet: interrupted\n")

"""Processes that only compute: they do, they end with their block and with whoever began them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastnet.measure.suites import busy as busy_module
from fastnet.measure.suites.busy import Busy

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
TIMEOUT = 30

BEGIN = """
import time
from fastnet.measure.suites.busy import Busy
with Busy(2) as busy:
    print(*(process.pid for process in busy.processes), flush=True)
    time.sleep(60)
"""


def until(condition):
    """Wait until something holds, and tell whether it came to that."""
    end = time.monotonic() + TIMEOUT
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def stat(pid):
    """Return what Linux says of a process, from its state on; a state that is over if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X"]


def ticks(pid):
    """Return the time that a process has computed."""
    return sum(map(int, stat(pid)[11:13]))


def test_processes_run_in_the_block_and_are_gone_after_it():
    with Busy(2) as busy:
        assert len(busy.processes) == 2
        assert all(process.poll() is None for process in busy.processes)
    assert all(process.returncode is not None for process in busy.processes)
    assert (busy.lost, busy.doubts()) == ([], [])


@LINUX
def test_processes_compute_all_the_time_in_the_session_of_this_one():
    with Busy(2) as busy:
        for process in busy.processes:
            before = ticks(process.pid)
            assert until(lambda: ticks(process.pid) > before + 2)  # noqa: B023 (called at once)
            assert stat(process.pid)[0] == "R"  # running, or waiting for a processor and nothing else
            assert os.getsid(process.pid) == os.getsid(0)
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_processes_are_gone_after_an_exception(kind):
    busy = Busy(2)
    with pytest.raises(kind), busy:
        raise kind
    assert len(busy.processes) == 2
    assert all(process.returncode is not None for process in busy.processes)


def test_a_process_that_ends_early_is_reported():
    with Busy(2) as busy:
        busy.processes[1].kill()
        busy.processes[1].wait()
    code = busy.processes[1].returncode
    assert busy.lost == [code]
    assert busy.doubts() == [f"1 of 2 busy processes ended before the measurement did (exit code {code})"]


def test_a_process_that_cannot_begin_is_an_error_and_the_others_end(monkeypatch):
    started, start = [], busy_module._started

    def second_fails():
        if started:
            monkeypatch.setattr(busy_module, "WORK", "raise SystemExit(3)")
        started.append(start())
        return started[-1]

    monkeypatch.setattr(busy_module, "_started", second_fails)
    with pytest.raises(ChildProcessError, match="ended with exit code 3 instead"), Busy(2):
        pytest.fail("must not begin")
    assert [process.returncode is None for process in started] == [False, False]


@LINUX
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_one_that_began_them(how):
    begun = subprocess.Popen(
        [sys.executable, "-c", BEGIN], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        pids = [int(word) for word in begun.stdout.readline().split()]
        assert [stat(pid)[0] for pid in pids] == ["R", "R"]
        # Ctrl-C is for all processes of a terminal, other signals for one
        (os.killpg if how == signal.SIGINT else os.kill)(begun.pid, how)
        begun.wait(TIMEOUT)
        assert until(lambda: all(stat(pid)[0] in "ZX" for pid in pids))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(begun.pid, signal.SIGKILL)
        begun.communicate()


@pytest.mark.parametrize(("n", "error"), [(-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_a_number_that_cannot_be_is_named(n, error):
    with pytest.raises(error, match=r"^n must be"):
        Busy(n)

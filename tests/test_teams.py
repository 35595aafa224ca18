"""Teams of threads: they meet, they stop, and several of them run at once."""

import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

from fastnet import kernels
from fastnet._threads import run_team
from fastnet.cases import Training
from fastnet.kernels.barrier import meet


@numba.njit(nogil=True)
def _meet_often(barrier, n_threads, times):
    going_on = True
    for _ in range(times):
        going_on = going_on and meet(barrier, n_threads)
    return going_on


def finishes(function, seconds=60):
    """Call a function in a thread that may be left behind; return what it raised."""
    raised = []

    def call():
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return raised


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_exception_in_one_worker_stops_the_team_and_is_raised(failing):
    met = {}

    def worker(thread, n_threads, barrier):
        assert _meet_often(barrier, n_threads, 3)
        if thread == failing:
            raise KeyError(f"worker {failing}")
        met[thread] = _meet_often(barrier, n_threads, 1)

    raised = finishes(lambda: run_team(worker, 3))
    assert [(type(one), one.args) for one in raised] == [(KeyError, (f"worker {failing}",))]
    assert met == {thread: False for thread in range(3) if thread != failing}


@pytest.mark.parametrize("n_threads", [1, 2, 7])
def test_every_thread_of_a_team_runs_and_meets_the_others(n_threads):
    """More threads than processors make progress too."""
    met = {}

    def worker(thread, team, barrier, times):
        met[thread] = (team, _meet_often(barrier, team, times))

    assert finishes(lambda: run_team(worker, n_threads, 200)) == []
    assert met == dict.fromkeys(range(n_threads), (n_threads, True))


def test_a_counter_between_barriers_is_seen_by_all():
    @numba.njit(nogil=True)
    def count(thread, n_threads, barrier, counts, failures):
        for turn in range(500):
            counts[16 * thread] = turn
            meet(barrier, n_threads)
            for other in range(n_threads):
                failures[thread] += counts[16 * other] != turn
            meet(barrier, n_threads)

    counts, failures = np.zeros(16 * 3, np.int64), np.zeros(3, np.int64)
    assert finishes(lambda: run_team(count, 3, counts, failures)) == []
    assert failures.tolist() == [0, 0, 0]


def test_two_python_threads_train_at_once():
    training = Training(300, (13, 20, 4), ("relu",), "cross_entropy", "momentum", 16)

    def train(n_threads):
        arguments = training.make(np.dtype(np.float32), np.random.default_rng(1))
        kernels.train_epoch(**arguments, n_threads=n_threads)
        return arguments["parameters"].tobytes()

    expected, actual = train(1), []

    def train_often():
        actual.extend(train(2) for _ in range(10))

    threads = [threading.Thread(target=train_often, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert actual == [expected] * 20


FORK = """
import os, signal
import numpy as np
from fastnet import kernels
x, parameters = np.ones((50, 30), np.float32), np.linspace(-1, 1, 30 * 9 + 9 + 9 * 2 + 2, dtype=np.float32)

def predict():
    return kernels.predict_logits(parameters, x, (30, 9, 2), ("tanh",), n_threads=2).tobytes()

expected = predict()
child = os.fork()
if child == 0:
    signal.alarm(60)
    os._exit(0 if predict() == expected else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), predict() == expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_predicts_with_a_team_of_its_own():
    command = [sys.executable, "-P", "-c", FORK]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert finished.stdout == "0 True\n"

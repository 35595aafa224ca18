"""Threads that compute together: they meet, they share work out, several calls run at once, and none is left behind."""

import contextlib
import os
import subprocess
import sys
import threading
import time

import numba
import numpy as np
import pytest
from company import other_calls, together

from fastnet import Network, kernels
from fastnet.kernels.codegen.barrier import synchronise
from fastnet.kernels.runtime import claims
from fastnet.machine import cores, threads
from fastnet.measure.cases import Training

COUNTER = 0


@pytest.fixture(autouse=True)
def nothing_happened_before(monkeypatch):
    """Let no harm that helpers did in another test keep those of this one away."""
    monkeypatch.setattr(claims._Rest, "until", 0.0)
    monkeypatch.setattr(claims._Rest, "length", 0.0)


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_who_meets_sees_what_the_others_wrote_before(n_threads):
    """More threads than processors make progress too."""

    @numba.njit(nogil=True)
    def count(thread, n_threads, control, counts, failures):
        for turn in range(300):
            counts[16 * thread] = turn
            synchronise(control, COUNTER, n_threads)
            for other in range(n_threads):
                failures[thread] += counts[16 * other] != turn
            synchronise(control, COUNTER, n_threads)

    control, counts = np.zeros(48, np.int64), np.zeros(16 * n_threads, np.int64)
    failures = np.zeros(n_threads, np.int64)
    count(0, 1, control, counts, failures)  # compiles
    assert together(lambda thread: count(thread, n_threads, control, counts, failures), n_threads) == []
    assert failures.tolist() == [0] * n_threads


@numba.njit(nogil=True)
def work(thread, control, done_by, phases):
    """Items of two phases; each of the second needs all of the first."""
    n = done_by.size
    item = claims.claim(control, thread, -1)
    while item < n:
        if item >= n // 2:
            claims.wait_for(control, thread, n // 2)
            for i in range(n // 2):
                phases[item] += done_by[i] < 0
        done_by[item] = thread
        claims.done(control)
        item = claims.claim(control, thread, item)
    claims.leave(control, thread, n)


def share(n_threads, n_items=40, **more):
    done_by, phases = np.full(n_items, -1), np.zeros(n_items, np.int64)
    claims.share_work(work, n_threads, done_by, phases, **more)
    assert phases.sum() == 0
    return done_by


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_item_is_done_once_all_that_it_needs_is(n_threads, monkeypatch):
    monkeypatch.setenv("FASTNET_ELASTIC", "1")
    assert share(n_threads).min() >= 0


def test_threads_that_take_turns_do_the_same_items_each(monkeypatch):
    monkeypatch.setenv("FASTNET_ELASTIC", "1")
    assert share(3, fixed=True).tolist() == [i % 3 for i in range(40)]
    monkeypatch.setenv("FASTNET_ELASTIC", "0")
    assert share(2).tolist() == [i % 2 for i in range(40)]


def test_what_is_neither_elastic_nor_fixed_is_refused(monkeypatch):
    monkeypatch.setenv("FASTNET_ELASTIC", "no")
    with pytest.raises(ValueError, match="FASTNET_ELASTIC must be 0 or 1, got 'no'"):
        share(2)


@pytest.fixture
def nobody_helps(monkeypatch):
    """Let helpers come when it is too late."""
    monkeypatch.setenv("FASTNET_ELASTIC", "1")
    late = []
    monkeypatch.setattr(claims, "employ", late.append)
    yield late
    for task in late:
        task()


def test_nobody_waits_for_helpers_that_do_not_come(nobody_helps):
    assert share(3).tolist() == [0] * 40
    assert len(nobody_helps) == 2


class NobodyIdle(list):
    """A list that stays empty, though threads of tests before end their work meanwhile."""

    def append(self, _thread):
        pass


def test_where_no_thread_can_be_started_the_caller_works_alone_or_says_so(monkeypatch):
    monkeypatch.setenv("FASTNET_ELASTIC", "1")
    monkeypatch.setattr(threads, "_idle", NobodyIdle())

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads._thread, "start_new_thread", refuse)
    assert share(3).tolist() == [0] * 40
    training = Training(300, (13, 20, 4), ("relu",), "cross_entropy", "momentum", 16)
    arguments = training.make(np.dtype(np.float32), np.random.default_rng(1))
    kernels.train_epoch(**arguments, n_threads=2)
    with pytest.raises(RuntimeError, match="starts no more than 1"):
        share(3, fixed=True)
    with threads.team_sizes(2), pytest.raises(RuntimeError, match="starts no more than 1 threads"):
        kernels.train_epoch(**arguments, n_threads=2)
    assert threads.IN_USE[0] == 0


def test_after_helpers_did_harm_calls_do_without_them_for_a_while(monkeypatch):
    monkeypatch.setenv("FASTNET_ELASTIC", "1")
    asked = []
    monkeypatch.setattr(claims, "employ", asked.append)
    control = claims.make_control()
    control[claims.BEGAN], control[claims.ENDED], control[claims.WAITED] = 1000, 2000, 900
    control[claims.N_OWN], control[claims.DONE] = 2, 4  # alone it would have taken 200 ticks
    claims._judge(control)
    share(3)
    assert asked == []
    assert claims._Rest.length == claims.FIRST_REST
    for _ in range(9):
        claims._judge(control)
    assert claims._Rest.length == claims.LONGEST_REST
    control[claims.WAITED] = 100
    claims._judge(control)
    assert claims._Rest.length == 0
    monkeypatch.setattr(claims._Rest, "until", 0.0)
    share(3)
    assert len(asked) == 2


def test_calls_at_once_have_no_more_threads_together_than_there_are_processors(monkeypatch):
    monkeypatch.setenv("FASTNET_ELASTIC", "1")
    monkeypatch.setattr(cores, "machine_cores", lambda: 4)
    asked = []
    monkeypatch.setattr(claims, "employ", asked.append)
    with other_calls(1):
        share(4)  # the second of two
    assert len(asked) == 1
    with other_calls(3):
        share(4)
    assert len(asked) == 1
    share(4)
    assert len(asked) == 4
    assert threads.IN_USE[0] == 0


def test_an_interrupted_call_is_not_counted_for_good():
    """Ctrl-C may come between any two instructions; the next call of the thread is the only one all the same."""
    here, everywhere = (threads.__file__, contextlib.__file__), []

    def call():
        with threads.computing(2):
            everywhere.append(int(threads.IN_USE[0]))

    def interrupted(at):
        """Call, interrupt at that instruction, and tell whether there was one."""
        count = 0

        def trace(frame, event, _):
            nonlocal count
            if frame.f_code.co_filename not in here and frame.f_code is not call.__code__:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode" and not threads._lock.locked():  # who holds it gives it back, whatever is raised
                count += 1
                if count == at:
                    sys.settrace(None)
                    raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            call()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False

    at, left_behind = 1, 0
    while interrupted(at):
        left_behind += int(threads.IN_USE[0]) > 0
        everywhere.clear()
        call()
        assert everywhere == [1]
        assert threads.IN_USE[0] == 0
        at += 1
    assert at > 50
    assert left_behind > 0


def test_helpers_are_kept_for_the_next_task():
    def names():
        done = threading.Event()
        threads.employ(lambda: (seen.append(threading.get_ident()), done.set()))
        assert done.wait(60)
        deadline = time.monotonic() + 60
        while not threads._idle and time.monotonic() < deadline:
            time.sleep(0.001)

    seen = []
    names()
    before = threading.active_count()
    for _ in range(20):
        names()
    assert len(set(seen)) <= 2
    assert threading.active_count() <= before + 1


def test_two_python_threads_train_at_once():
    training = Training(300, (13, 20, 4), ("relu",), "cross_entropy", "momentum", 16)

    def train(n_threads):
        arguments = training.make(np.dtype(np.float32), np.random.default_rng(1))
        kernels.train_epoch(**arguments, n_threads=n_threads)
        return arguments["parameters"].tobytes()

    expected, actual = train(1), []
    assert together(lambda _: actual.extend(train(2) for _ in range(10)), 2) == []
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
@pytest.mark.parametrize("elastic", ["0", "1"])
def test_a_forked_child_predicts_with_helpers_of_its_own(elastic):
    command, environment = [sys.executable, "-P", "-c", FORK], dict(os.environ, FASTNET_ELASTIC=elastic)
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environment)
    assert finished.stdout == "0 True\n"


def test_inference_in_threads_reads_and_writes_what_does_not_lie_in_a_row():
    network = Network((9, 20, 4), seed=0)
    parameters = np.repeat(network.parameters, 2)[::2]
    x = np.random.default_rng(0).normal(size=(50, 9)).astype(np.float32)
    out = np.empty((50, 8), np.float32)[:, ::2]
    expected = kernels.predict_logits(network.parameters, x, (9, 20, 4), network.activations)
    given = parameters, x, (9, 20, 4), network.activations
    assert kernels.predict_logits(*given, out=out, n_threads=2) is out
    np.testing.assert_array_equal(out, expected)

"""How many threads are taken where nobody says how many."""

import os
import sys
import threading
from types import SimpleNamespace

import joblib
import pytest

from fastnet.machine import cores
from fastnet.machine.cgroups import Quota
from fastnet.machine.cores import VARIABLES, Limit, available_cores, fixed_cores, limits, machine_cores
from fastnet.machine.threads import resolve_threads

QUOTA = "CPU quota (cpu.max 300000 100000)"


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch):
    """Pretend to have eight processors, no quota and no variables."""
    monkeypatch.setattr(cores, "_processors", lambda: 8)
    monkeypatch.setattr(cores, "_quota_of", lambda second: None)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_least_limit_decides(monkeypatch):
    assert limits() == [Limit(8, "processors of this process")]
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "5")
    monkeypatch.setenv("FASTNET_NUM_THREADS", "4")
    monkeypatch.setattr(cores, "_quota_of", lambda second: Quota(300_000, 100_000, "cpu.max 300000 100000"))
    variables = [(4, "FASTNET_NUM_THREADS"), (5, "NUMBA_NUM_THREADS"), (6, "OMP_NUM_THREADS")]
    assert limits() == [(8, "processors of this process"), (3, QUOTA), *variables]
    assert available_cores() == machine_cores() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert (available_cores(), machine_cores()) == (2, 3)


@pytest.mark.parametrize("name", VARIABLES)
def test_no_variable_goes_beyond_the_processors(name, monkeypatch):
    monkeypatch.setenv(name, "9")
    assert limits()[1:] == [(9, name)]
    assert available_cores() == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4,2", 4), ("3,2,1", 3), (" 2 , 3", 2), ("1", 1), ("007", 7), ("", 8), ("0", 8), (",2", 8), ("-1", 8), ("x", 8)],
)
def test_the_first_number_of_openmp_counts(text, expected, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert available_cores() == expected


@pytest.mark.parametrize("text", ["", "0", "-2", "1.5", "2,3", "two", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_what_numba_cannot_mean_is_ignored(text, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", text)
    assert limits() == [(8, "processors of this process")]


@pytest.mark.parametrize("text", ["0", "-2", "1.5", "2,3", "two", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_a_mistake_in_the_variable_of_fastnet_is_refused(text, monkeypatch):
    monkeypatch.setenv("FASTNET_NUM_THREADS", text)
    with pytest.raises(ValueError, match=r"^FASTNET_NUM_THREADS must be a whole number of at least 1, got '"):
        resolve_threads(None)


def test_an_empty_variable_is_none_and_spaces_do_not_count(monkeypatch):
    monkeypatch.setenv("FASTNET_NUM_THREADS", "")
    assert available_cores() == 8
    monkeypatch.setenv("FASTNET_NUM_THREADS", " 2 ")
    assert available_cores() == 2


def test_threads_that_are_asked_for_are_taken_whatever_the_limits(monkeypatch):
    monkeypatch.setenv("FASTNET_NUM_THREADS", "2")
    assert [resolve_threads(count) for count in (None, 1, 64)] == [2, 1, 64]
    with fixed_cores(30):
        with fixed_cores(1):
            assert resolve_threads(None) == 1
        assert [resolve_threads(count) for count in (None, 1, 64)] == [30, 1, 64]
        assert machine_cores() == 8
    assert resolve_threads(None) == 2


def test_a_quota_is_read_anew_after_a_second(monkeypatch):
    monkeypatch.undo()
    quotas, seconds = iter([1, 2, 3]), iter([7.1, 7.9, 8.0, 8.9, 10.0])
    monkeypatch.setattr(cores, "_processors", lambda: 8)
    monkeypatch.setattr(cores, "cpu_quota", lambda: Quota(next(quotas), 1, "cpu.max"))
    monkeypatch.setattr(cores, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    cores._quota_of.cache_clear()
    assert [machine_cores() for _ in range(5)] == [1, 1, 2, 2, 3]
    cores._quota_of.cache_clear()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system with affinities")
def test_affinity_is_followed(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(cores, "_quota_of", lambda second: None)
    before, found = os.sched_getaffinity(0), []

    def confine():
        os.sched_setaffinity(0, {min(before)})
        found.append(machine_cores())

    thread = threading.Thread(target=confine)  # the affinity is that of a thread
    thread.start()
    thread.join()
    assert found == [1]
    assert machine_cores() == len(before)


def test_a_task_of_dask_takes_no_more_than_its_worker_has(monkeypatch):
    """In place of `distributed.worker.get_worker`, which raises ValueError outside of tasks."""
    worker = SimpleNamespace(get_worker=lambda: SimpleNamespace(state=SimpleNamespace(nthreads=3)))
    monkeypatch.setitem(sys.modules, "distributed.worker", worker)
    assert limits()[1:] == [(3, "threads of the Dask worker")]

    def no_worker():
        raise ValueError("No worker found")

    worker.get_worker = no_worker
    assert available_cores() == 8
    del worker.get_worker
    assert available_cores() == 8


def test_workers_of_joblib_take_what_joblib_allows_them(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with joblib.parallel_config("loky", inner_max_num_threads=2):
        found = joblib.Parallel(n_jobs=2)(joblib.delayed(limits)() for _ in range(2))
    assert all({Limit(2, "NUMBA_NUM_THREADS"), Limit(2, "OMP_NUM_THREADS")} <= set(one) for one in found)

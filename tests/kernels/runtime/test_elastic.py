"""Teams that change their size while they train: the same bits whatever happens, and the sizes that are right."""

import gc
import threading
import time
import weakref

import numba
import numpy as np
import pytest
from company import other_calls

from fastnet import kernels
from fastnet.kernels.runtime import elastic
from fastnet.kernels.runtime import pace as pacing
from fastnet.kernels.runtime.pace import (
    BASE,
    EXPECTED,
    HELD,
    LAST,
    LEAST,
    LOST,
    PAUSE,
    RATE,
    REACH,
    REGRET,
    TAKEN,
    UNTIL,
    WANTED,
)
from fastnet.kernels.step.driver import teams
from fastnet.machine import cores, threads
from fastnet.measure.cases import Training

CROSS, SQUARED = "cross_entropy", "squared_error"
TRAININGS = {
    "dense": (Training(620, (21, 35, 18, 5), ("relu", "tanh"), CROSS, "adam", 32), {}),
    "blocks": (Training(1200, (21, 35, 18, 5), ("relu", "tanh"), CROSS, "nesterov", 700), {}),
    "columns": (Training(120, (40, 300, 200, 3), ("relu", "relu"), CROSS, "adam", 8), {}),
    "clipped": (Training(1200, (30, 50, 4), ("tanh",), SQUARED, "momentum", 500), {"clip_norm": 0.1, "l2": 0.01}),
    "few outputs": (Training(300, (784, 10, 10), ("relu",), CROSS, "sgd", 16), {}),
    "gathered": (Training(300, (300, 7, 12, 4), ("relu", "tanh"), CROSS, "adamw", 64), {"scale": 0.5}),
    "dropped": (Training(300, (13, 40, 4), ("relu",), CROSS, "adam", 25), {"dropout": (0.3,), "seed": 5, "l2": 0.1}),
}


def train(name, n_threads, sparse=False):
    training, more = TRAININGS[name]
    arguments = {**training.make(np.dtype(np.float32), np.random.default_rng(1)), **more}
    if sparse:
        arguments["x"] = np.where(np.random.default_rng(2).random(arguments["x"].shape) < 0.1, arguments["x"], 0)
    totals = kernels.train_epoch(**arguments, n_threads=n_threads)
    return [np.array(totals).tobytes(), arguments["parameters"].tobytes(), *(s.tobytes() for s in arguments["state"])]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", TRAININGS)
def test_a_team_that_shrinks_and_grows_at_random_turns_has_the_same_bits(name, sparse):
    rng = np.random.default_rng(len(name))
    expected = train(name, 1, sparse)
    for team in (2, 3, 5):
        with threads.team_sizes(*rng.integers(1, team + 1, 11).tolist()):
            assert train(name, team, sparse) == expected, team


@pytest.fixture
def elastic_teams(monkeypatch):
    monkeypatch.setenv("FASTNET_ELASTIC", "1")
    pacing.make_pace.cache_clear()
    yield
    pacing.make_pace.cache_clear()


LONG = Training(2000, (20, 40, 30, 4), ("relu", "relu"), CROSS, "adam", 8)


def long_training(n_threads):
    """Return what trains for about ten milliseconds, and its parameters."""
    arguments = LONG.make(np.dtype(np.float32), np.random.default_rng(1))
    order, step = arguments.pop("order"), arguments.pop("step", 0)
    return kernels.prepare_training(**arguments, n_threads=n_threads), order, step, arguments["parameters"]


def test_bits_stay_equal_while_other_calls_come_and_go(elastic_teams, monkeypatch):
    """Calls at once share the processors out; here, their number changes again and again."""
    monkeypatch.setattr(cores, "machine_cores", lambda: 3)
    epoch, order, step, expected = long_training(1)
    for i in range(20):
        epoch(order, step + i)
    epoch, order, step, actual = long_training(3)
    over = threading.Event()

    def disturb(seed):
        rng = np.random.default_rng(seed)
        while not over.is_set():
            with threads.computing(3):
                time.sleep(rng.random() * 0.002)
            time.sleep(rng.random() * 0.002)

    disturbers = [threading.Thread(target=disturb, args=(seed,)) for seed in range(3)]
    for disturber in disturbers:
        disturber.start()
    try:
        for i in range(20):
            epoch(order, step + i)
    finally:
        over.set()
        for disturber in disturbers:
            disturber.join()
    assert actual.tobytes() == expected.tobytes()
    assert threads.IN_USE[0] == 0


def test_nobody_waits_for_a_helper_that_does_not_come(elastic_teams, monkeypatch):
    epoch, order, step, expected = long_training(1)
    epoch(order, step)
    asked = []
    monkeypatch.setattr(teams, "employ", asked.append)
    epoch, order, step, actual = long_training(4)
    epoch(order, step)
    assert len(asked) == 3
    assert actual.tobytes() == expected.tobytes()
    for help_out in asked:
        help_out()  # too late, and leaves


def test_a_helper_that_comes_is_taken_in_and_leaves_when_no_call_follows(elastic_teams):
    epoch, order, step, _ = long_training(2)
    epoch(order, step)
    team = epoch.team(order.size)
    deadline = time.monotonic() + 60
    while team.state.memory.ticks[1].sum() == 0 and time.monotonic() < deadline:
        epoch(order, step)
    assert team.state.memory.ticks[1].sum() > 0
    while any(team._helping[1:]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert team._helping == [True, False]
    gone = weakref.ref(team)
    del team, epoch
    while gone() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert gone() is None


@numba.njit
def lose(pace, size, ticks, n_samples):
    pacing._count_regret(pace, size, ticks, n_samples)
    return pacing.does_harm(pace, n_samples)


@numba.njit
def fall_back(pace, size):
    return pacing.fall_back(pace, size)


@numba.njit
def try_more(pace, size, wanted):
    pacing.try_more(pace, size, wanted)


@pytest.fixture
def pace():
    """A team of two that should take 1,000 ticks for a turn of ten samples; a tick is a thousandth of a microsecond."""
    pace = pacing.make_pace.__wrapped__(8)
    pace[RATE], pace[HELD], pace[TAKEN], pace[LEAST] = 1000, 30e6, 300_000, 90
    try_more(pace, 1, 2)
    return pace


def test_a_smaller_team_s_mean_is_what_is_expected_and_its_least_what_remains(pace):
    assert pace[EXPECTED + 4 : EXPECTED + 6].tolist() == [100, 90]
    assert (pace[WANTED], pace[BASE], pace[HELD]) == (2, 1, 0)
    for _ in range(100):
        lose(pace, 2, pacing.MEMORY * 1000 / 10, 10)
    assert pace[EXPECTED + 4] == pytest.approx(90, abs=0.01)


def test_a_stay_of_no_length_tells_no_mean():
    pace = pacing.make_pace.__wrapped__(2)
    pace[RATE], pace[HELD], pace[TAKEN], pace[LEAST] = 1000, 5e6, 50_000, 90
    try_more(pace, 1, 2)
    assert pace[EXPECTED + 4] == 90


def test_losses_add_up_until_the_team_does_harm(pace):
    turns = 0
    while not lose(pace, 2, 6000, 10):
        turns += 1
    assert turns == pytest.approx(pacing.MOST_REGRET * 1000 / 5000, rel=0.01)


def test_gains_count_against_losses_but_not_for_ever(pace):
    for _ in range(100_000):
        lose(pace, 2, 500, 10)
    assert pace[REGRET] == -pacing.MOST_CREDIT * 1000
    assert not lose(pace, 2, (pacing.MOST_CREDIT + pacing.MOST_REGRET / 2) * 1000, 10)
    assert lose(pace, 2, pacing.MOST_REGRET * 1000, 10)


def test_one_thread_never_does_harm(pace):
    pace[WANTED] = 1
    assert not lose(pace, 1, 1e9, 10)


def test_who_waits_for_helpers_in_vain_at_each_call_stops_asking(elastic_teams, monkeypatch):
    """Calls of a few blocks, each of which begins with a wait: that time is lost, though one thread did the work."""
    monkeypatch.setattr(teams, "employ", lambda _: True)  # and nobody comes
    epoch, _, step, _ = long_training(2)
    order = np.arange(8)
    epoch(order, step)
    known = epoch.team(order.size)._known
    known[WANTED], known[EXPECTED + 4 : EXPECTED + 6] = 2, pacing.ticks_per_microsecond()
    calls = 0
    while known[WANTED] == 2 and calls < 1000:
        epoch(order, step)
        calls += 1
    assert calls < 10 * pacing.MOST_REGRET / elastic.GRACE


def test_time_without_samples_counts_with_the_samples_that_follow():
    look = numba.njit(lambda pace, size, n_samples: pacing.look_at_clock(pace, size, n_samples))
    pace = pacing.make_pace.__wrapped__(2)
    look(pace, 1, 1)  # compiles
    before, held = pace[LAST], pace[HELD]
    look(pace, 1, 0)
    assert (pace[LAST], pace[HELD]) == (before, held)
    look(pace, 1, 10)
    assert pace[LAST] > before
    assert pace[HELD] - held == pace[LAST] - before


def test_pauses_grow_while_teams_fail_and_are_short_after_one_that_did_not(pace):
    pauses = []
    for _ in range(4):
        pace[LOST], pace[LAST] = 1, 5e9
        assert fall_back(pace, 2) == 1
        pauses.append(pace[PAUSE] / 1000)
        assert pace[UNTIL] == pace[LAST] + pace[PAUSE]
    first, longest = pacing.FIRST_PAUSE, pacing.LONGEST_PAUSE
    assert pauses == [first, 4 * first, longest, longest]
    lose(pace, 2, 0, 10)
    fall_back(pace, 2)
    assert pace[PAUSE] == pacing.SHORT_PAUSE * 1000
    pace[LOST] = 1
    fall_back(pace, 2)
    assert pace[PAUSE] == first * 1000


def test_a_large_team_that_fails_falls_back_to_the_one_before_and_tries_one_between(pace):
    pace[LOST] = -1
    assert fall_back(pace, 8) == 4
    pace[HELD], pace[TAKEN] = 30e6, 300_000
    try_more(pace, 4, 8)
    pace[LOST] = 1
    assert fall_back(pace, 8) == 4
    assert (pace[WANTED], pace[REACH], pace[BASE]) == (4, 6, 2)
    pace[LOST] = 1
    assert fall_back(pace, 4) == 2
    pace[LOST] = 1
    assert fall_back(pace, 2) == 1


def test_nobody_is_asked_to_help_where_other_calls_have_the_other_processors(elastic_teams, monkeypatch):
    monkeypatch.setattr(cores, "machine_cores", lambda: 2)
    epoch, order, step, _ = long_training(2)
    epoch(order, step)
    team = epoch.team(order.size)
    team._known[WANTED] = 2  # as after calls that had helpers
    team._known[EXPECTED:] = np.inf  # which were no slower than one thread: a busy machine may have let it seem so
    control = team.state.memory.control
    asked = int(control[elastic.ASKED])
    with other_calls(1):
        for _ in range(3):
            epoch(order, step)
    assert control[elastic.ASKED] == asked
    epoch(order, step)
    assert control[elastic.ASKED] > asked
    assert control[elastic.ASKED] % 2 == 0, "what was asked has been withdrawn"

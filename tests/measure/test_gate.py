"""What the gate decides by: intervals of ratios, timings that alternate, verdicts."""

import time

import numpy as np
import pytest

from fastnet.machine.cores import available_cores
from fastnet.measure import gate, timing
from fastnet.measure.timing import (
    CONFIDENCE,
    FEWEST_PAIRS,
    Harness,
    limited_threads,
    loops_for,
    pairs,
    spread,
)


def measured(ratio, operation="relu_forward", wrong=None, best=0.0):
    return {
        "operation": operation, "size": "8x8", "dtype": "float32", "disagreement": wrong, "numpy_seconds": 1.0,
        "numba_seconds": 1.0, "ratio": None if wrong else ratio, "best_ratio": best,
    }  # fmt: skip


def exactly(value):
    return spread([value] * 9)


# Figures


def test_the_interval_of_a_median_is_that_of_the_sign_test():
    assert spread(range(1, FEWEST_PAIRS + 1)) == {
        "median": 4, "low": 1, "high": FEWEST_PAIRS, "n": FEWEST_PAIRS, "confidence": 1 - 2 / 2**FEWEST_PAIRS
    }  # fmt: skip

    assert spread(range(1, FEWEST_PAIRS))["confidence"] < CONFIDENCE
    wide = spread(range(1, 102))
    assert wide["median"] == 51
    assert (wide["low"], wide["high"]) == (39, 63)
    assert wide["confidence"] >= CONFIDENCE
    with pytest.raises(ValueError, match="at least one measurement, got none"):
        spread([])


def test_the_interval_holds_the_median_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        one = spread(rng.exponential(size=15).tolist())
        held += one["low"] <= np.log(2) <= one["high"]
    assert held / 1000 >= CONFIDENCE - 0.015


def test_pairs_alternate():
    order = []
    one = pairs(lambda: order.append("a"), lambda: order.append("b"), (1, 2))
    for _ in range(4):
        next(one)
    assert "".join(order) == "abbbbaabbbba"


def test_rounds_alternate():
    order = []
    runs = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    assert Harness(2).times(runs) == {key: [1.0, 1.0] for key in "abc"}
    assert "".join(order) == "abccba"


def test_work_has_shares_of_the_time_that_is_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    shares = []
    for item, harness in Harness(9, 12.0).shares("abc"):
        shares.append((item, harness.seconds, harness.rounds))
        now[0] += 6 if item == "a" else 20
    assert shares == [("a", 4.0, 9), ("b", 3.0, 9), ("c", 0.0, 9)]


def test_times_are_those_of_one_call(monkeypatch):
    monkeypatch.setattr(timing, "seconds_of", lambda call, loops: loops * call())
    one = pairs(lambda: 0.5, lambda: 0.25, (3, 7))
    assert [next(one) for _ in range(4)] == [(0.5, 0.25)] * 4


def test_short_calls_are_repeated_within_a_timing(monkeypatch):
    assert timing.seconds_of(lambda: time.sleep(0.002), 3) >= 0.006
    monkeypatch.setattr(timing, "seconds_of", lambda call, loops: loops * call())
    assert loops_for(lambda: 0.002, 0.001) == 1
    assert 100 <= loops_for(lambda: 1e-5, 0.001) <= 200


def test_threads_are_those_asked_for_for_a_while(monkeypatch):
    before = available_cores()
    monkeypatch.setenv("FASTNET_NUM_THREADS", "1")
    for n_threads, expected in ((64, 64), (1, 1), (None, 1)):
        with limited_threads(n_threads):
            assert available_cores() == expected
    monkeypatch.undo()
    assert available_cores() == before


# Verdicts


def test_a_verdict_says_who_decided():
    fast, slow = gate.judge(measured(exactly(3.0)), 2.0), gate.judge(measured(exactly(1.5)), 2.0)
    assert (fast["passed"], fast["reason"]) == (True, "fast enough")
    assert (slow["passed"], slow["reason"]) == (False, "too slow")
    unsure = gate.judge(measured(spread([1.0, 2.5, 2.6])), 2.0)
    assert unsure["passed"]
    assert "by the median alone" in unsure["reason"]
    held_up, slow = (gate.judge(measured(exactly(1.5), best=best), 2.0) for best in (2.2, 1.9))
    assert (held_up["passed"], held_up["reason"]) == (True, "fast enough, 2.20 in its best moments")
    assert not slow["passed"]
    wrong = gate.judge(measured(None, wrong="result 0: 3 of 9 differ"), 0.0)
    assert (wrong["passed"], wrong["reason"]) == (False, "wrong: result 0: 3 of 9 differ")


def test_copies_which_numpy_makes_on_both_sides_may_take_a_little_longer():
    assert gate.limit_under(1.0, ("relu_forward", "8x8", "float32")) == 1.0
    assert 0.8 < gate.limit_under(1.0, ("identity_backward", "8x8", "float32")) < 1.0


def test_few_measurements_decide_nothing():
    assert [gate.decides(spread([3.0] * n), 2.0) for n in (FEWEST_PAIRS - 1, FEWEST_PAIRS)] == [False, True]
    assert [gate.decides(spread(range(1, 10)), limit) for limit in (1, 2.5, 9.5)] == [True, False, True]


def test_saved_intervals_set_limits_but_for_copies():
    rows = [measured(spread([2.0, 3.0, 4.0]), name) for name in ("relu_forward", "identity_forward")]
    rows.append(measured(None, "matmul", "result 0: shape"))
    limits = gate.limits_of({"operations": rows, "networks": []}, 1.6)
    assert limits == {("relu_forward", "8x8", "float32"): pytest.approx(2.0 / 1.6)}


def test_a_change_counts_if_it_is_large_and_beyond_the_noise():
    def document(ratio, wrong=None):
        return {"operations": [measured(ratio, wrong=wrong)], "networks": []}

    def change(before, after, factor=1.1):
        (one,) = gate.changes(document(before), document(after), factor)
        return one["passed"], one["reason"]

    assert change(exactly(3.0), exactly(1.5)) == (False, "2.00 times slower")
    assert change(exactly(3.0), exactly(1.5), 2.5) == (True, "2.00 times slower")
    assert change(exactly(3.0), exactly(6.0)) == (True, "2.00 times faster")
    noisy = spread([1.0, 1.5, 4.0])
    assert change(exactly(3.0), noisy) == (True, "2.00 times slower, within the noise")
    (one,) = gate.changes(document(exactly(3.0)), document(None, "result 1: shape"), 1.1)
    assert (one["passed"], one["reason"]) == (False, "wrong: result 1: shape")
    (one,) = gate.changes(document(None, "result 1: shape"), document(None, "result 1: shape"), 1.1)
    assert (one["passed"], one["reason"]) == (False, "wrong: result 1: shape")
    (one,) = gate.changes(document(None, "result 1: shape"), document(exactly(3.0)), 1.1)
    assert (one["passed"], one["reason"]) == (True, "was wrong before")
    with pytest.raises(ValueError, match="nothing in common"):
        gate.changes(document(exactly(1.0)), {"operations": [], "networks": []}, 1.1)


def test_what_is_new_must_be_right_and_what_is_gone_is_named():
    old = {"operations": [measured(exactly(3.0), name) for name in ("kept", "gone")], "networks": []}
    rows = [measured(exactly(3.0), "kept"), measured(None, "new", "result 0: shape"), measured(exactly(1.0), "newer")]
    new = {"operations": rows, "networks": []}
    assert [(one["operation"], one["passed"]) for one in gate.changes(old, new, 1.1)] == [
        ("kept", True),
        ("new", False),
    ]
    lines = gate.unmatched(gate.compared(old), gate.compared(new))
    assert lines == ["2 have no saved ratio: new, newer", "1 saved ones are gone: gone"]
    assert gate.unmatched(gate.compared(old), gate.compared(old)) == []


def test_what_fell_short_stands_last():
    verdicts = [
        gate.judge(measured(exactly(1.0), "slow_one"), 2.0),
        gate.judge(measured(exactly(3.0), "fast_one"), 2.0),
    ]
    lines = gate.verdicts_table(verdicts).splitlines()
    assert [line.split()[0] for line in lines] == ["operation", "fast_one", "slow_one"]
    assert "FAILED: too slow" in lines[-1]

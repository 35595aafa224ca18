"""The gate: `fastnet compare` finds what is wrong or slow, and says so with its exit code."""

import itertools
import json
import time

import numpy as np
import pytest

from fastnet import kernels
from fastnet.bench import gate, operations, results, tables, timing
from fastnet.bench.operations import Measured, network_cases, realistic_cases
from fastnet.bench.timing import CONFIDENCE, FEWEST_PAIRS, Spread, alternate, limited_threads, loops_for, pairs, spread
from fastnet.cli import main

ONE = ["compare", "--operations", "sigmoid_forward", "--dtype", "float32", "--budget", "0.01"]
BOTH = ["compare", "--operations", "sigmoid_forward,tanh_forward", "--dtype", "float32", "--budget", "0.01"]


@pytest.fixture
def steady(monkeypatch):
    """A machine on which the reference takes three times as long as the kernels, every time."""
    monkeypatch.setattr(operations, "pairs", lambda *_: itertools.repeat((3e-3, 1e-3)))


def measured(ratio, operation="relu_forward", wrong=None, best=0.0):
    return Measured(operation, "8x8", "float32", wrong, 1.0, 1.0, None if wrong else ratio, best)


def exactly(value):
    return spread([value] * 9)


# Figures


def test_the_interval_of_a_median_is_that_of_the_sign_test():
    assert spread(range(1, FEWEST_PAIRS + 1)) == Spread(4, 1, FEWEST_PAIRS, FEWEST_PAIRS, 1 - 2 / 2**FEWEST_PAIRS)
    assert spread(range(1, FEWEST_PAIRS)).confidence < CONFIDENCE
    wide = spread(range(1, 102))
    assert wide.median == 51
    assert (wide.low, wide.high) == (39, 63)
    assert wide.confidence >= CONFIDENCE
    with pytest.raises(ValueError, match="at least one measurement, got none"):
        spread([])


def test_the_interval_holds_the_median_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        one = spread(rng.exponential(size=15).tolist())
        held += one.low <= np.log(2) <= one.high
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
    assert list(alternate(runs, 2)) == [dict.fromkeys("abc", 1.0)] * 2
    assert "".join(order) == "abccba"


def test_times_are_those_of_one_call(monkeypatch):
    monkeypatch.setattr(timing, "seconds_of", lambda call, loops: loops * call())
    one = pairs(lambda: 0.5, lambda: 0.25, (3, 7))
    assert [next(one) for _ in range(4)] == [(0.5, 0.25)] * 4


def test_short_calls_are_repeated_within_a_timing(monkeypatch):
    assert timing.seconds_of(lambda: time.sleep(0.002), 3) >= 0.006
    monkeypatch.setattr(timing, "seconds_of", lambda call, loops: loops * call())
    assert loops_for(lambda: 0.002, 0.001) == 1
    assert 100 <= loops_for(lambda: 1e-5, 0.001) <= 200


def test_threads_are_limited_for_a_while(monkeypatch):
    monkeypatch.delenv("FASTNET_NUM_THREADS", raising=False)
    from fastnet._threads import available_cores

    before = available_cores()
    with limited_threads(1):
        assert available_cores() == 1
    with limited_threads(None):
        assert available_cores() == before


# Verdicts


def test_a_verdict_says_who_decided():
    fast, slow = gate.judge(measured(exactly(3.0)), 2.0), gate.judge(measured(exactly(1.5)), 2.0)
    assert (fast.passed, fast.reason) == (True, "fast enough")
    assert (slow.passed, slow.reason) == (False, "too slow")
    unsure = gate.judge(measured(spread([1.0, 2.5, 2.6])), 2.0)
    assert unsure.passed
    assert "by the median alone" in unsure.reason
    held_up, slow = (gate.judge(measured(exactly(1.5), best=best), 2.0) for best in (2.2, 1.9))
    assert (held_up.passed, held_up.reason) == (True, "fast enough, 2.20 in its best moments")
    assert not slow.passed
    wrong = gate.judge(measured(None, wrong="result 0: 3 of 9 differ"), 0.0)
    assert (wrong.passed, wrong.reason) == (False, "wrong: result 0: 3 of 9 differ")


def test_a_change_counts_if_it_is_large_and_beyond_the_noise():
    def document(ratio, wrong=None):
        return {"operations": [measured(ratio, wrong=wrong).to_dict()], "networks": []}

    def change(before, after, factor=1.1):
        (one,) = gate.changes(document(before), document(after), factor)
        return one.passed, one.reason

    assert change(exactly(3.0), exactly(1.5)) == (False, "2.00 times slower")
    assert change(exactly(3.0), exactly(1.5), 2.5) == (True, "2.00 times slower")
    assert change(exactly(3.0), exactly(6.0)) == (True, "2.00 times faster")
    noisy = spread([1.0, 1.5, 4.0])
    assert change(exactly(3.0), noisy) == (True, "2.00 times slower, within the noise")
    (one,) = gate.changes(document(exactly(3.0)), document(None, "result 1: shape"), 1.1)
    assert (one.passed, one.reason) == (False, "wrong: result 1: shape")
    (one,) = gate.changes(document(None, "result 1: shape"), document(None, "result 1: shape"), 1.1)
    assert (one.passed, one.reason) == (False, "wrong: result 1: shape")
    (one,) = gate.changes(document(None, "result 1: shape"), document(exactly(3.0)), 1.1)
    assert (one.passed, one.reason) == (True, "was wrong before")
    with pytest.raises(ValueError, match="nothing in common"):
        gate.changes(document(exactly(1.0)), {"operations": [], "networks": []}, 1.1)


def test_what_is_new_must_be_right_and_what_is_gone_is_named():
    old = {"operations": [measured(exactly(3.0), name).to_dict() for name in ("kept", "gone")], "networks": []}
    rows = [measured(exactly(3.0), "kept"), measured(None, "new", "result 0: shape"), measured(exactly(1.0), "newer")]
    new = {"operations": [row.to_dict() for row in rows], "networks": []}
    assert [(one.key[0], one.passed) for one in gate.changes(old, new, 1.1)] == [("kept", True), ("new", False)]
    lines = gate.unmatched(gate.compared(old), gate.compared(new))
    assert lines == ["2 have no saved ratio: new, newer", "1 saved ones are gone: gone"]
    assert gate.unmatched(gate.compared(old), gate.compared(old)) == []


def test_what_fell_short_stands_last():
    verdicts = [
        gate.judge(measured(exactly(1.0), "slow_one"), 2.0),
        gate.judge(measured(exactly(3.0), "fast_one"), 2.0),
    ]
    lines = tables.verdicts_table(verdicts).splitlines()
    assert [line.split()[0] for line in lines] == ["operation", "fast_one", "slow_one"]
    assert "FAILED: too slow" in lines[-1]


# The command


def test_the_table_of_cases_is_what_is_measured():
    assert {case.operation for case in realistic_cases()} == set(kernels.__all__) - {
        "Totals",
        "dropout_key",
        "layer_slices",
    }
    assert all(case.realistic for case in realistic_cases(["relu_forward"]))
    names = [case.operation for case in network_cases("12-8-3", 16)]
    assert names == ["predict_logits", "predict_logits", "train_epoch", "train_epoch"]


@pytest.mark.usefixtures("steady")
def test_unchanged_kernels_pass(tmp_path, capsys):
    saved = tmp_path / "now.json"
    assert main([*ONE, "--json", str(saved)]) == 0
    assert "all 1 passed" in capsys.readouterr().out
    (row,) = json.loads(saved.read_text())["operations"]
    assert (row["operation"], row["passed"], row["disagreement"]) == ("sigmoid_forward", True, None)
    assert (row["ratio"]["low"], row["ratio"]["median"], row["ratio"]["high"]) == pytest.approx((3, 3, 3))
    assert (row["reference_seconds"], row["compiled_seconds"]) == pytest.approx((3e-3, 1e-3))
    assert main([*ONE, str(saved)]) == 0
    assert main(["compare", str(saved), str(saved)]) == 0


def slowed(function, times):
    def slow(*args, **kwargs):
        for _ in range(times - 1):
            function(*args, **kwargs)
        return function(*args, **kwargs)

    return slow


def test_a_kernel_made_slower_on_purpose_fails(tmp_path, capsys, monkeypatch):
    """Eight times as slow, against what was saved a moment ago: far enough on a machine that does other things too."""
    saved, later = tmp_path / "before.json", tmp_path / "after.json"
    both = [*BOTH[:-1], "1"]
    assert main([*both, "--json", str(saved)]) == 0
    monkeypatch.setattr(kernels, "sigmoid_forward", slowed(kernels.sigmoid_forward, 8))
    assert main([*both, str(saved), "--factor", "2", "--json", str(later)]) == 1
    shown = capsys.readouterr().out
    failed = [line for line in shown.splitlines() if "FAILED" in line]
    assert len(failed) == 1
    assert failed[0].startswith("sigmoid_forward")
    assert "1 of 2 fell short" in shown
    assert main(["compare", str(saved), str(later), "--factor", "2"]) == 1
    assert "1 of 2 have become more than 2 times slower" in capsys.readouterr().out


def test_a_kernel_made_wrong_on_purpose_fails(capsys, monkeypatch):
    right = kernels.sigmoid_forward
    monkeypatch.setattr(kernels, "sigmoid_forward", lambda x, out=None: right(x, out) + x.dtype.type(1e-4))
    assert main(ONE) == 1
    shown = capsys.readouterr().out
    assert "FAILED: wrong: result 0: 16384 of 16384 differ" in shown


@pytest.mark.parametrize("error", [ValueError, TypeError, ZeroDivisionError])
def test_a_kernel_that_raises_is_wrong_and_no_misuse(error, capsys, monkeypatch):
    def broken(x, out=None):
        raise error("broken\non purpose")

    monkeypatch.setattr(kernels, "sigmoid_forward", broken)
    assert main(ONE) == 1
    assert f"FAILED: wrong: fastnet.kernels raised {error.__name__}: broken on purpose" in capsys.readouterr().out


def test_a_kernel_that_spoils_what_it_updates_fails(capsys, monkeypatch):
    right = kernels.adam_step

    def wrong(p, g, m, v, *rest, **settings):
        right(p, g, m, v, *rest, **settings)
        m.flat[-1] += m.dtype.type(0.01)

    monkeypatch.setattr(kernels, "adam_step", wrong)
    assert main(["compare", "--operations", "adam_step", "--dtype", "float32", "--budget", "0.01"]) == 1
    assert "FAILED: wrong: result 1: 1 of 101770 differ; at (101769,)" in capsys.readouterr().out


@pytest.mark.usefixtures("steady")
def test_training_with_a_part_left_out_fails(capsys, monkeypatch):
    """What an option does is compared, too: here dropout is forgotten."""
    right = kernels.train_epoch
    monkeypatch.setattr(kernels, "train_epoch", lambda dropout, **rest: right(**rest))
    command = ["compare", "--operations", "train_epoch", "--dtype", "float32", "--budget", "0.01"]
    assert main(command) == 1
    shown = capsys.readouterr().out
    (failed,) = [line for line in shown.splitlines() if "FAILED" in line]
    assert "dropout 0.2" in failed
    assert "1 of 4 fell short" in shown


@pytest.mark.usefixtures("steady")
def test_rows_that_the_saved_results_do_not_have_must_be_right_and_are_named(tmp_path, capsys):
    saved = tmp_path / "before.json"
    assert main([*ONE, "--json", str(saved)]) == 0
    assert main([*BOTH, str(saved)]) == 0
    shown = capsys.readouterr().out
    assert "1 have no saved ratio: tanh_forward" in shown
    assert "all 2 passed" in shown
    assert main([*BOTH, str(saved), "--fail-under", "3.01"]) == 1
    assert "measured 4 times" in capsys.readouterr().out
    command = ["compare", "--operations", "tanh_forward", "--dtype", "float32", str(saved)]
    assert main(command) == 2
    assert "have nothing in common with what would be measured" in capsys.readouterr().err


@pytest.mark.usefixtures("steady")
def test_a_network_of_the_users_own(capsys):
    command = ["compare", "--network", "12-8-3", "--batch-size", "16", "--dtype", "float32", "--budget", "0.01"]
    assert main([*command, "--fail-under", "2.99"]) == 0
    assert main([*command, "--fail-under", "3.01"]) == 1
    shown = capsys.readouterr().out
    assert "64x12-8-3" not in shown  # at least 256 samples
    assert "256x12-8-3-relu-cross_entropy-adam-16-floats" in shown


@pytest.mark.usefixtures("steady")
@pytest.mark.filterwarnings("default")
def test_results_of_another_machine_are_no_limits(tmp_path, capsys):
    saved = tmp_path / "other.json"
    assert main([*ONE, "--json", str(saved)]) == 0
    document = json.loads(saved.read_text())
    document["environment"]["cpu"]["name"] = "another"
    document["operations"][0]["ratio"].update(low=1e9, median=1e9, high=1e9)
    saved.write_text(json.dumps(document))
    assert main([*ONE, str(saved)]) == 0
    assert "come from different processors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--factor", "2"], "--factor: needs saved results"),
        (["--fail-under", "-1"], "--fail-under: must be a number of at least 0, got -1.0"),
        (["--fail-under", "nan"], "--fail-under: must be a number of at least 0, got nan"),
        (["missing.json"], "missing.json: No such file"),
        (["--network", "5"], "--network must be layer sizes such as 784-128-10, got '5'"),
        (["--network", "5-0"], "--network must be layer sizes"),
        (["--network", "5-2", "--operations", "relu_forward"], "--operations cannot be given with it"),
        (["--batch-size", "5"], "--batch-size: is of a --network"),
        (["--operations", "relu"], "operation 'relu' is not known"),
        (["one.json", "two.json", "--dtype", "float32"], "no --dtype or --threads"),
        (["one.json", "two.json", "--fail-under", "1"], "no --operations, --network or --fail-under"),
        (["--json", "no/such/folder.json"], "--json no/such/folder.json: no/such: no such folder"),
        (["--budget", "0"], "--budget"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert words in shown.err
    assert not shown.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no benchmark results"),
        ('{"format": "fastnet benchmark results", "version": 9}', "has version 9 of the results, expected 1"),
        ('{"format": "fastnet benchmark results", "version": 1}', "environment must be a dict, got NoneType"),
    ],
)
def test_damaged_results_are_misuse(text, words, capsys, tmp_path):
    saved = tmp_path / "saved.json"
    saved.write_text(text)
    assert main(["compare", str(saved), str(saved)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "row",
    [
        {"operation": "relu_forward"},
        "relu_forward",
        {**measured(exactly(1.0)).to_dict(), "ratio": 2.0},
        {**measured(exactly(1.0)).to_dict(), "ratio": exactly(float("nan"))._asdict()},
        {**measured(exactly(1.0)).to_dict(), "ratio": exactly(-1.0)._asdict()},
        {**measured(exactly(1.0)).to_dict(), "ratio": {**exactly(1.0)._asdict(), "low": "0.5"}},
        {**measured(exactly(1.0)).to_dict(), "size": []},
    ],
    ids=str,
)
def test_a_damaged_row_is_misuse(row, capsys, tmp_path):
    document = results.new_document({"cpu": {}}, {})
    document["operations"] = [row]
    saved = tmp_path / "saved.json"
    results.save(document, saved)
    assert main(["compare", str(saved), str(saved)]) == 2
    assert "a row that cannot be read" in capsys.readouterr().err


def test_results_that_would_be_overwritten_are_kept(capsys, tmp_path):
    saved = tmp_path / "saved.json"
    results.save(results.new_document({}, {}), saved)
    before = saved.read_bytes()
    assert main(["compare", str(saved), "--json", str(saved)]) == 2
    assert "would overwrite the results to compare with" in capsys.readouterr().err
    assert saved.read_bytes() == before

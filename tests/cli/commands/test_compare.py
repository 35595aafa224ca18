"""`fastnet compare` finds what is wrong or slow, and says so with its exit code."""

import functools
import itertools
import json

import pytest
from measure.test_gate import exactly, measured

from fastnet import kernels, reference
from fastnet.cli import main
from fastnet.measure import results, timing
from fastnet.measure.suites import operations
from fastnet.measure.suites.operations import network_cases, realistic_cases

ONE = ["compare", "--operations", "sigmoid_forward", "--dtype", "float32", "--budget", "0.01"]
BOTH = ["compare", "--operations", "sigmoid_forward,tanh_forward", "--dtype", "float32", "--budget", "0.01"]


SOUND = measured(exactly(1.0))


@pytest.fixture
def steady(monkeypatch):
    """A machine on which the reference takes three times as long as the kernels, every time."""
    monkeypatch.setattr(operations, "pairs", lambda *_: itertools.repeat((3e-3, 1e-3)))


def test_the_table_of_cases_is_what_is_measured():
    assert {case.operation for case in realistic_cases()} == set(kernels.__all__) - {
        "Groups",
        "Totals",
        "dropout_key",
        "layer_slices",
    }
    assert all(case.realistic for case in realistic_cases(["relu_forward"]))
    names = [case.operation for case in network_cases("12-8-3", 16)]
    assert names == ["predict_logits", "predict_logits", "train_epoch", "train_epoch"]


def test_unchanged_kernels_pass(tmp_path, capsys):
    saved = tmp_path / "now.json"
    assert main([*ONE, "--json", str(saved)]) == 0
    assert "all 1 passed" in capsys.readouterr().out
    (row,) = json.loads(saved.read_text())["operations"]
    assert (row["operation"], row["passed"], row["disagreement"]) == ("sigmoid_forward", True, None)
    assert 0 < row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]
    assert min(row["numpy_seconds"], row["numba_seconds"]) > 0
    assert main([*ONE, str(saved), "--factor", "1e6"]) == 0  # whatever else the machine is doing
    assert main(["compare", str(saved), str(saved)]) == 0


class Clock:
    """Seconds that pass by calls alone, whatever else the machine is doing."""

    def __init__(self):
        self.now = 0.0

    def charged(self, function, seconds):
        @functools.wraps(function)
        def call(*args, **kwargs):
            self.now += seconds
            return function(*args, **kwargs)

        return call

    def seconds_of(self, call, loops):
        start = self.now
        call()
        return loops * (self.now - start)


def test_a_kernel_made_slower_on_purpose_fails(tmp_path, capsys, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "seconds_of", clock.seconds_of)
    for module, seconds in ((reference, 3e-3), (kernels, 1e-3)):
        for name in ("sigmoid_forward", "tanh_forward"):
            monkeypatch.setattr(module, name, clock.charged(getattr(module, name), seconds))
    saved, later = tmp_path / "before.json", tmp_path / "after.json"
    assert main([*BOTH, "--json", str(saved)]) == 0
    row = json.loads(saved.read_text())["operations"][0]
    assert (row["ratio"]["median"], row["numpy_seconds"], row["numba_seconds"]) == pytest.approx((3, 3e-3, 1e-3))
    monkeypatch.setattr(kernels, "sigmoid_forward", clock.charged(kernels.sigmoid_forward, 1.1e-3))
    assert main([*BOTH, str(saved), "--factor", "2", "--json", str(later)]) == 1
    shown = capsys.readouterr().out
    failed = [line for line in shown.splitlines() if "FAILED" in line]
    assert len(failed) == 1
    assert failed[0].startswith("sigmoid_forward")
    assert "1 of 2 fell short" in shown
    changes = tmp_path / "changes.json"
    assert main(["compare", str(saved), str(later), "--factor", "2", "--json", str(changes)]) == 1
    assert "1 of 2 have become more than 2 times slower" in capsys.readouterr().out
    slower, same = json.loads(changes.read_text())["operations"]
    assert (slower["operation"], slower["passed"], same["passed"]) == ("sigmoid_forward", False, True)
    assert (slower["before"]["median"], slower["after"]["median"]) == pytest.approx((3, 3 / 2.1))


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


def test_too_little_memory_is_no_fault_of_a_kernel(capsys, monkeypatch):
    def hungry(x, out=None):
        raise MemoryError("Unable to allocate 64. GiB")

    monkeypatch.setattr(kernels, "sigmoid_forward", hungry)
    assert main(ONE) == 2
    assert "not enough memory: Unable to allocate 64. GiB" in capsys.readouterr().err


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
    assert "1 of 5 fell short" in shown


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
        (json.dumps(results.new_document({"cpu": 3}, {}) | {"operations": [SOUND]}), "cpu must be a dict, got 3"),
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
        {**SOUND, "ratio": 2.0},
        {**SOUND, "ratio": exactly(float("nan"))},
        {**SOUND, "ratio": exactly(-1.0)},
        {**SOUND, "ratio": {**exactly(1.0), "low": "0.5"}},
        {**SOUND, "size": []},
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

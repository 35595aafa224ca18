import importlib.util
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastnet.datasets import Dataset
from fastnet.measure.environment import environment
from fastnet.measure.peers import PEERS, Unavailable, own
from fastnet.measure.suites.accuracy import Split, digits, split, time_to_accuracy
from fastnet.measure.timing import Harness
from fastnet.measure.workloads import FULL, QUICK, Workload

INSTALLED = [key for key, peer in PEERS.items() if peer.missing() is None]
TINY = Workload((6, 5, 3), 8, samples=27, repeats=2)

# what the other libraries warn of is not ours to mend
pytestmark = [pytest.mark.filterwarnings("default:::torch"), pytest.mark.filterwarnings("default:::jax")]


def separable(workload):
    """Classes that differ in one large feature each."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, workload.sizes[-1], workload.samples)
    X = rng.normal(0, 0.3, (workload.samples, workload.sizes[0]))
    X[np.arange(len(y)), y] += 2
    return X.astype(workload.dtype), y


@pytest.mark.parametrize("key", INSTALLED)
@pytest.mark.parametrize(
    "workload",
    [
        replace(TINY, repeats=1),
        replace(TINY, optimizer="adam", activation="sigmoid", dtype="float64"),
        replace(TINY, batch_size=0, activation="tanh", repeats=3),
    ],
    ids=lambda workload: workload.name,
)
def test_every_library_learns(key, workload):
    X, y = separable(workload)
    rate = {"sgd": 0.3, "adam": 0.05}[workload.optimizer]
    run = PEERS[key].prepare(workload, X, y, n_threads=2, seed=3, learning_rate=rate)
    assert run.warm_up() >= 0
    seconds = [run.epoch() for _ in range(30)]
    assert all(isinstance(value, float) and value > 0 for value in seconds)
    actual = run.logits_argmax(X)
    assert actual.dtype == np.int64
    assert actual.shape == y.shape
    assert np.mean(actual == y) > 0.9


@pytest.mark.parametrize("key", INSTALLED)
def test_a_warm_up_changes_nothing_that_is_trained(key):
    X, y = separable(replace(TINY, samples=24, repeats=1))
    predictions = []
    for warm_ups in (1, 2):
        run = PEERS[key].prepare(replace(TINY, samples=24, repeats=1), X, y, n_threads=1, seed=1, learning_rate=0.1)
        for _ in range(warm_ups):
            run.warm_up()
        run.epoch()
        predictions.append(run.logits_argmax(np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)))
    np.testing.assert_array_equal(*predictions)


@pytest.mark.parametrize("key", [key for key in INSTALLED if key != "sklearn"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_full_batches_give_what_the_reference_gives(key, optimizer):
    # all start from the same parameters, and a full batch has no order
    workload = Workload((6, 5, 3), 0, optimizer=optimizer, samples=27, dtype="float64", repeats=5)
    X, y = separable(workload)
    points = np.random.default_rng(0).normal(size=(500, 6))
    classes = []
    for name in ("numpy", key):
        run = PEERS[name].prepare(workload, X, y, seed=2, learning_rate=0.05)
        run.warm_up()
        run.epoch()
        classes.append(run.logits_argmax(points))
    expected, actual = classes
    assert np.unique(expected).size == 3
    assert np.mean(actual == expected) > 0.995


@pytest.mark.parametrize("key", ["sklearn", "torch", "torch-compile", "jax"])
def test_a_library_that_is_not_installed_is_named_and_not_imported(key, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    loaded = set(sys.modules)
    reason = PEERS[key].missing()
    assert reason is not None
    assert reason.startswith(f"{PEERS[key].name}: ")
    assert reason.endswith("is not installed")
    assert set(sys.modules) == loaded
    data = separable(TINY)
    (row,) = time_to_accuracy([key], Split(*data, *data), TINY, Harness(1))
    assert (row["peer"], row["skipped"]) == (key, reason)


def test_versions_come_from_what_is_installed():
    assert PEERS["numpy"].version == np.__version__
    assert all(PEERS[key].version for key in INSTALLED)


@pytest.mark.parametrize("key", ["fastnet", "numpy", "sklearn"])
def test_divergence_is_reported_as_such(key):
    workload = replace(TINY, activation="relu", samples=24, repeats=1)
    X, y = separable(workload)
    run = PEERS[key].prepare(workload, X * np.float32(1e18), y, learning_rate=1e18)
    run.warm_up()
    with pytest.raises(FloatingPointError):
        [run.epoch() for _ in range(20)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((27, 5), np.float32)}, "X must have shape"),
        ({"X": np.zeros((27, 6))}, "of float64"),
        ({"y": np.full(27, 3)}, "y must hold 27 classes from 0 to 2"),
        ({"n_threads": 0}, "n_threads"),
        ({"seed": -1}, "seed"),
        ({"learning_rate": float("nan")}, "learning_rate"),
    ],
    ids=str,
)
def test_prepare_names_what_does_not_fit(change, message):
    X, y = separable(TINY)
    with pytest.raises(ValueError, match=message):
        PEERS["numpy"].prepare(TINY, **{"X": X, "y": y, **change})


def test_time_to_accuracy_of_the_digits():
    data = digits()
    messages = []
    rows = time_to_accuracy(
        ["numpy", "fastnet"],
        data,
        Workload((64, 8, 10), 16),
        Harness(1, progress=messages.append),
        targets=(0.5, 0.3, 1.0),
        seeds=(0,),
        learning_rates=(1e-6, 0.3),
        max_epochs=6,
    )
    assert json.loads(json.dumps(rows)) == rows
    assert [row["peer"] for row in rows] == ["numpy", "fastnet"]
    assert messages[0] == "numpy backend: learning rate 1e-06, seed 0"
    assert len(messages) == 2 * (2 + 1)
    for row in rows:
        assert row["skipped"] is None
        assert row["learning_rate"] == 0.3
        easy, middle, hard = row["targets"]
        assert [target["target"] for target in row["targets"]] == [0.3, 0.5, 1.0]
        assert hard == {
            "target": 1.0, "reached": 0, "of": 1, "epochs": None, "seconds": None, "spread": None,
            "seconds_with_compile": None,
        }  # fmt: skip
        assert easy["reached"] == 1
        assert 0 < easy["seconds"] <= easy["seconds_with_compile"]
        if middle["reached"]:
            assert easy["seconds"] <= middle["seconds"]
            assert easy["epochs"] <= middle["epochs"]
    expected, actual = (row["targets"] for row in rows)  # the same batches and arithmetic: the same epochs
    assert [target["epochs"] for target in actual] == [target["epochs"] for target in expected]


def test_a_rate_at_which_training_diverges_is_not_chosen():
    workload = replace(TINY, activation="relu", samples=24)
    X, y = separable(workload)
    data = (X * np.float32(100), y)
    (row,) = time_to_accuracy(["numpy"], Split(*data, *data), workload, Harness(1), (0.9,), (0,), (1e30, 1e-3), 30)
    assert row["learning_rate"] == 1e-3
    assert row["targets"][0]["reached"] == 1


def test_a_library_that_fails_when_it_compiles_is_named_and_left_out(monkeypatch):
    class Failing(own.ReferenceRun):
        def warm_up(self):
            raise Unavailable("PyTorch compiled: no compiler")

    monkeypatch.setitem(PEERS, "numpy", replace(PEERS["numpy"], start=Failing))
    data = separable(TINY)
    rows = time_to_accuracy(
        ["numpy", "fastnet"], Split(*data, *data), TINY, Harness(1), seeds=(0,), learning_rates=(0.3,), max_epochs=1
    )
    assert [row["skipped"] for row in rows] == ["PyTorch compiled: no compiler", None]


def test_several_seeds_have_a_spread():
    workload = replace(TINY, samples=24)
    data = separable(workload)
    (row,) = time_to_accuracy(
        ["numpy"],
        Split(*data, *data),
        workload,
        Harness(1),
        targets=(0.9,),
        seeds=(0, 1),
        learning_rates=(0.3,),
        max_epochs=100,
    )
    (target,) = row["targets"]
    assert (target["reached"], target["of"]) == (2, 2)
    assert target["spread"] >= 0
    assert len(row["accuracy"]["values"]) == 2


def test_split_keeps_a_test_part_and_scales_it_like_the_training_part():
    data = Dataset(
        np.array([[0, 200], [100, 50]], np.uint8), np.array([0, 1]), np.array([[250, 0]], np.uint8), np.array([1])
    )
    actual = split(data, "float64")
    np.testing.assert_array_equal(actual.X, [[0, 1], [0.5, 0.25]])
    np.testing.assert_array_equal(actual.X_test, [[1.25, 0]])
    assert actual.X_test.dtype == np.float64
    with pytest.raises(ValueError, match="must have labels"):
        split(replace(data, y=None))


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"sizes": (5,)}, ValueError, "sizes"),
        ({"sizes": "784-10"}, TypeError, "sizes"),
        ({"sizes": (5, 0)}, ValueError, "sizes"),
        ({"batch_size": -1}, ValueError, "batch_size"),
        ({"batch_size": 2.5}, TypeError, "batch_size"),
        ({"activation": "gelu"}, ValueError, "activation"),
        ({"optimizer": "lbfgs"}, ValueError, "optimizer"),
        ({"samples": 0}, ValueError, "samples"),
        ({"dtype": "float16"}, ValueError, "dtype"),
        ({"repeats": 0}, ValueError, "repeats"),
    ],
    ids=str,
)
def test_a_workload_names_what_it_cannot_use(values, error, message):
    with pytest.raises(error, match=message):
        Workload(**{"sizes": (5, 2), "batch_size": 1, **values})


def test_workloads_have_names_of_their_own():
    for table in (QUICK, FULL):
        assert len({workload.name for workload in table}) == len(table)


def test_work_and_data_of_a_workload():
    workload = Workload((4, 3, 2), 10, samples=7, dtype="float64", repeats=5)
    assert workload.batch == 7
    assert workload.flop == 7 * 5 * (4 * 4 * 3 + 6 * 3 * 2)
    X, y = workload.data()
    assert (X.shape, X.dtype, y.shape) == ((7, 4), np.float64, (7,))
    np.testing.assert_array_equal(X, workload.data()[0])
    assert Workload((4, 2), 0).name == "4-2, batch full"


def test_the_environment_tells_the_machine_but_not_whose_it_is():
    facts = environment(n_threads=1)
    text = json.dumps(facts)
    assert json.loads(text) == facts
    assert facts["threads"] == 1 <= facts["cores"]
    assert facts["cpu"]["vector_bits"] in (128, 256, 512)
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["date"].endswith("+00:00")
    words = set(text.replace('"', " ").split())
    assert not words & {Path.home().name, platform.node()}
    assert not any(word.startswith(("/", "\\")) for word in words)
    with pytest.raises(ValueError, match="n_threads"):
        environment(n_threads=0)
    with pytest.raises(ValueError, match="busy"):
        environment(busy=-1)

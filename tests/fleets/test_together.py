"""Members with one seed take their batches together, and end where each would alone."""

import threading

import numpy as np
import pytest

from fastnet import SGD, Adam, AdamW, Fleet, Network, Trainer
from fastnet.fleets.together import MOST_BYTES, groups_of
from fastnet.kernels.step.driver import epochs
from fastnet.kernels.step.driver import together as driver

rng = np.random.default_rng(0)
X = rng.standard_normal((150, 12)).astype(np.float32)
LABELS = rng.integers(0, 3, 150)

KINDS = {
    "plain": {},
    "a setting for each": {
        "optimizer": [SGD(0.1), Adam(0.01), AdamW(0.003), SGD(0.01, momentum=0.9), Adam(0.1)],
        "loss": ["cross_entropy", ("cross_entropy", 0.1), "softmax_squared_error", "cross_entropy", "cross_entropy"],
        "l2": [0.0, 0.1, 0.0, 0.0, 0.01],
        "clip_norm": [None, None, 0.5, 0.1, None],
    },
    "schedule and dropout": {"schedule": "one_cycle", "dropout": 0.3},
    "full batch": {"batch_size": None},
    "replacement": {"sampling": "replacement"},
}
INPUTS = {
    "floats": X,
    "pixels": rng.integers(0, 256, (150, 12), np.uint8),
    "wide": rng.standard_normal((150, 300)).astype(np.float32),
}


def networks(sizes=(12, 9, 3), count=5, **given):
    return [Network(sizes, seed=seed, **given) for seed in range(count)]


@pytest.fixture
def counts(monkeypatch):
    """How many members' steps were taken together, call by call."""
    counts, take = [], driver.take_together

    def count(asked):
        counts.append(len(asked))
        return take(asked)

    monkeypatch.setattr(driver, "take_together", count)
    return counts


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_each_network_has_the_bits_of_a_trainer_of_its_own(kind, n_threads, counts):
    many, alone, settings = networks(), networks(), {"batch_size": 16, **KINDS[kind]}
    histories = Fleet(many, seeds=3, n_threads=n_threads, **settings).fit(X, LABELS, epochs=3)
    assert set(counts) == ({5} if n_threads == 1 else {3, 2})
    for i, (network, other) in enumerate(zip(many, alone, strict=True)):
        own = {name: value[i] if isinstance(value, list) else value for name, value in settings.items()}
        expected = Trainer(other, seed=3, **own).fit(X, LABELS, epochs=3)
        assert network.parameters.tobytes() == other.parameters.tobytes()
        assert [epoch.loss for epoch in histories[i].epochs] == [epoch.loss for epoch in expected.epochs]


@pytest.mark.parametrize("kind", INPUTS)
def test_any_inputs_will_do(kind, counts):
    x = INPUTS[kind]
    sizes = (x.shape[1], 4, 3)
    many, alone = networks(sizes, input_scale=0.5), networks(sizes, input_scale=0.5)
    Fleet(many, seeds=1, n_threads=1).fit(x, LABELS, epochs=2)
    assert set(counts) == {5}
    for network, other in zip(many, alone, strict=True):
        Trainer(other, seed=1).fit(x, LABELS, epochs=2)
        assert network.parameters.tobytes() == other.parameters.tobytes()


def test_samples_that_are_mostly_zeros_are_described_for_all(counts, monkeypatch):
    monkeypatch.setattr(epochs, "WORTH_COMPILING", 0)
    x = np.where(rng.random((150, 130)) < 0.15, rng.random((150, 130)), 0).astype(np.float32)
    many, alone = networks((130, 33, 3)), networks((130, 33, 3))
    Fleet(many, seeds=1, n_threads=1).fit(x, LABELS, epochs=3)
    assert set(counts) == {5}
    for network, other in zip(many, alone, strict=True):
        Trainer(other, seed=1).fit(x, LABELS, epochs=3)
        assert network.parameters.tobytes() == other.parameters.tobytes()


def test_members_leave_when_their_patience_ends_and_go_on_in_orders_of_their_own(counts):
    held_out, rows = (X[100:], LABELS[100:]), [np.arange(100)] * 5
    settings = {"optimizer": [Adam(lr) for lr in (0.3, 0.1, 0.03, 0.01, 0.001)], "batch_size": 10}
    many, alone = networks(), networks()
    fleet = Fleet(many, seeds=0, n_threads=1, **settings)
    first = fleet.fit(X, LABELS, rows, held_out, epochs=30, patience=2)
    assert len({len(history.epochs) for history in first}) > 1
    assert set(counts) > {5}
    fleet.fit(X, LABELS, rows, epochs=2)
    for i, other in enumerate(alone):
        trainer = Trainer(other, settings["optimizer"][i], batch_size=10, seed=0)
        expected = trainer.fit(X[:100], LABELS[:100], held_out, epochs=30, patience=2)
        assert len(first[i].epochs) == len(expected.epochs)
        trainer.fit(X[:100], LABELS[:100], epochs=2)
        assert many[i].parameters.tobytes() == other.parameters.tobytes()


def test_an_error_of_one_ends_the_others():
    fleet = Fleet(networks(), [SGD(0.01)] * 4 + [SGD(1e30)], seeds=0, n_threads=1)
    threads = threading.active_count()
    with pytest.raises(FloatingPointError, match=r"network 4: the (loss|parameters) became infinite or NaN"):
        fleet.fit(X, LABELS, epochs=10**6)
    assert threading.active_count() <= threads + 1  # a helper of the kernels may stay


def test_who_trains_together():
    def groups(many, seeds=0, n_threads=2, rows=None, **settings):
        fleet = Fleet(many, seeds=seeds, **settings)
        data = fleet._prepare(X, LABELS, rows, [None] * len(many), None)
        return groups_of(fleet.trainers, data, n_threads)

    alone = [[0], [1], [2], [3], [4]]
    assert groups(networks()) == [[0, 1, 2], [3, 4]]
    assert groups(networks(), n_threads=1) == [[0, 1, 2, 3, 4]]
    assert groups(networks(), n_threads=8) == alone
    assert groups(networks(), seeds=None, n_threads=1) == alone
    assert groups(networks(), seeds=[0, 1, 0, 1, 2], n_threads=1) == [[0, 2], [1, 3], [4]]
    assert groups(networks(), rows=[np.arange(9)] * 4 + [np.arange(8)], n_threads=1) == [[0, 1, 2, 3], [4]]
    assert groups(networks(), n_threads=1, batch_size=[8, 8, 16, 16, 8]) == [[0, 1, 4], [2, 3]]
    assert groups(networks(), n_threads=1, backend="numpy") == alone
    assert groups(networks() + networks((12, 8, 3), 2), n_threads=1) == [[0, 1, 2, 3, 4], [5, 6]]
    assert groups(networks((12, MOST_BYTES // 100, 3), 2), n_threads=1) == [[0], [1]]
    assert [len(group) for group in groups(networks(count=40), n_threads=1)] == [16, 16, 8]

"""Members trained by executors of concurrent.futures: the same bits, and an error instead of waiting for ever."""

import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import fastnet
from fastnet.fleets.executors import on_executor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        yield pool


def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 5)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int)


def fleet(executor=None, **settings):
    networks = [fastnet.Network([5, 4 + i % 2, 2], seed=i) for i in range(3)]
    return fastnet.Fleet(networks, seeds=range(3), batch_size=16, executor=executor, **settings)


def trained(one, **how):
    X, y = problem()
    rows = [np.arange(60), np.arange(40), np.arange(59, -1, -1)]
    return [one.fit(X, y, rows, validation=(X, y), epochs=3, **how) for _ in range(2)][1]


def same(actual, expected):
    for one, other in zip(actual.networks, expected.networks, strict=True):
        np.testing.assert_array_equal(one.parameters, other.parameters)
    for one, other in zip(actual.trainers, expected.trainers, strict=True):
        assert one.state.parameters is one.network.parameters
        assert (one.state.step, one.state.epoch) == (other.state.step, other.state.epoch)
        np.testing.assert_array_equal(one.state.vectors["m"], other.state.vectors["m"])


def both_pools(processes):
    with ThreadPoolExecutor(2) as threads:
        yield from (threads, processes)


def test_a_fleet_has_the_same_bits_and_goes_on_from_them(processes):
    local = fleet(dropout=0.1)
    expected = trained(local, patience=2)
    for pool in both_pools(processes):
        away = fleet(pool, dropout=0.1)
        histories = trained(away, patience=2)
        same(away, local)
        assert [[epoch.loss for epoch in one.epochs] for one in histories] == [
            [epoch.loss for epoch in one.epochs] for one in expected
        ]


@pytest.mark.parametrize("kind", [fastnet.MLPEnsembleClassifier, fastnet.MLPEnsembleRegressor])
def test_an_ensemble_has_the_same_bits(kind, processes):
    X, y = problem()
    settings = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0, "bootstrap": True}
    local = kind(3, **settings).fit(X, y)
    for pool in both_pools(processes):
        away = kind(3, **settings).fit(X, y, executor=pool)
        for one, other in zip(away.estimators_, local.estimators_, strict=True):
            np.testing.assert_array_equal(one._parameters, other._parameters)
            assert one.get_params() == other.get_params()
        np.testing.assert_array_equal(away.predict(X), local.predict(X))


def test_groups_have_the_same_bits(processes):
    X, y = problem()
    groups = np.where(np.arange(60) % 3, "a", "b")
    settings = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}
    local = fastnet.GroupedMLPRegressor(**settings).fit(X, y, groups)
    away = fastnet.GroupedMLPRegressor(**settings).fit(X, y, groups, executor=processes)
    np.testing.assert_array_equal(away.predict(X, groups), local.predict(X, groups))


def test_an_error_of_the_training_is_raised_and_nothing_is_changed(processes):
    for pool in both_pools(processes):
        one = fleet(pool, optimizer=fastnet.SGD(1e30))
        before = [network.parameters.copy() for network in one.networks]
        with pytest.raises(FloatingPointError, match=r"^network [012]: "):
            trained(one)
        for network, expected in zip(one.networks, before, strict=True):
            np.testing.assert_array_equal(network.parameters, expected)
    X, y = problem()
    with pytest.raises(ValueError, match=r"^network [01]: activation must be one name"):
        fastnet.MLPEnsembleClassifier(2, activation=("relu", "tanh")).fit(X, y, executor=processes)


def dies(data, member):
    if member == 1:
        os._exit(1)
    return member


def test_members_of_a_pool_that_broke_are_named():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, pytest.raises(RuntimeError, match=r"lost .*: B, C: "):
        on_executor(pool, dies, [0, 1, 2], None, ["A", "B", "C"])


def test_another_version_there_is_an_error(monkeypatch, processes):
    monkeypatch.setattr(fastnet, "__version__", "9.9")
    with pytest.raises(RuntimeError, match=r"is there, but 9\.9 here: versions must be the same"):
        trained(fleet(processes))


@pytest.mark.parametrize("executor", [object(), 3, "dask"])
def test_what_is_no_executor_is_named(executor):
    for call in (lambda: fleet(executor), lambda: fastnet.MLPEnsembleClassifier(2).fit(*problem(), executor=executor)):
        with pytest.raises(TypeError, match=f"executor must be .*, got {type(executor).__name__}"):
            call()

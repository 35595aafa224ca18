"""Members trained by the workers of a Dask cluster: the same bits, whatever workers do, or an error in time."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from fleets.test_executors import fleet, problem, same, trained
from sklearn.model_selection import GridSearchCV

import fastnet
from fastnet.fleets import cluster as cluster_of_fleets

joblib = pytest.importorskip("joblib")
distributed = pytest.importorskip("distributed", reason="distributed is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SETTINGS = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as one:
        yield one


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as one:
        cluster.scale(2)
        one.wait_for_workers(2, timeout=60)
        yield one


class Slow:
    """A callback that makes epochs slow, whatever the machine."""

    def on_epoch_end(self, model, epoch):
        time.sleep(0.2)


def test_a_fleet_has_the_same_bits_and_goes_on_from_them(client):
    local, away = fleet(dropout=0.1), fleet(client, dropout=0.1)
    trained(local)
    trained(away)
    same(away, local)


def test_an_ensemble_has_the_same_bits_and_data_are_sent_once(client, monkeypatch):
    sent = []
    scatter = client.scatter
    monkeypatch.setattr(client, "scatter", lambda data, **how: sent.append(how) or scatter(data, **how))
    X, y = problem()
    local = fastnet.MLPEnsembleClassifier(5, bootstrap=True, **SETTINGS).fit(X, y)
    away = fastnet.MLPEnsembleClassifier(5, bootstrap=True, **SETTINGS).fit(X, y, executor=client)
    for one, other in zip(away.estimators_, local.estimators_, strict=True):
        np.testing.assert_array_equal(one._parameters, other._parameters)
    assert len(sent) == 1
    assert sent[0]["broadcast"]


def threads_of_a_fit(X, y):
    """Count the threads that a fit takes on a worker, if it does not say how many it wants."""
    return fastnet.machine.threads.resolve_threads(None)


def test_a_search_through_joblib_keeps_to_the_threads_of_workers(client):
    X, y = problem()
    search = GridSearchCV(fastnet.MLPClassifier(**SETTINGS), {"alpha": [1e-4, 1.0]}, cv=2)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        actual = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(actual, expected)
    assert client.submit(threads_of_a_fit, X, y).result() == 1


def test_a_worker_lost_while_it_trains_changes_no_bit(client):
    X, y = problem()
    settings = SETTINGS | {"callbacks": (Slow(),)}
    local = fastnet.MLPEnsembleRegressor(4, **SETTINGS).fit(X, y)
    away = fastnet.MLPEnsembleRegressor(4, **settings)
    pids = client.run(os.getpid)
    thread = threading.Thread(target=away.fit, args=(X, y), kwargs={"executor": client})
    thread.start()
    workers = list(client.nthreads())
    wait_until(lambda: all(client.processing().get(worker) for worker in workers))
    os.kill(pids[workers[0]], getattr(signal, "SIGKILL", signal.SIGTERM))
    thread.join(60)
    assert not thread.is_alive()
    for one, other in zip(away.estimators_, local.estimators_, strict=True):
        np.testing.assert_array_equal(one._parameters, other._parameters)


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_another_version_on_a_worker_is_an_error_before_anything_is_sent(client, monkeypatch):
    def pretend(version):
        fastnet.__version__ = version

    worker = next(iter(client.nthreads()))
    mine = fastnet.__version__
    monkeypatch.setattr(client, "scatter", lambda *arguments, **how: pytest.fail("something is sent"))
    client.run(pretend, "9.9", workers=[worker])
    try:
        with pytest.raises(RuntimeError, match=rf"workers must have fastnet {mine}, .*: {worker} has 9\.9$"):
            fleet(client).fit(*problem())
    finally:
        client.run(pretend, mine, workers=[worker])


def test_a_worker_lost_while_data_are_sent_is_an_error(client, monkeypatch):
    def lost(*arguments, **how):
        raise OSError("stream is closed")

    monkeypatch.setattr(client, "scatter", lost)
    with pytest.raises(RuntimeError, match="data could not be sent to all workers: stream is closed"):
        fleet(client).fit(*problem())


def test_when_all_workers_go_the_members_lost_are_named(client, cluster, monkeypatch):
    monkeypatch.setattr(cluster_of_fleets, "PATIENCE", 1.0)
    X, y = problem()
    settings = SETTINGS | {"callbacks": (Slow(),), "max_iter": 1000, "n_iter_no_change": 1000}
    found = []

    def fit():
        with pytest.raises(RuntimeError) as error:
            fastnet.MLPEnsembleClassifier(3, **settings).fit(X, y, executor=client)
        found.append(str(error.value))

    thread = threading.Thread(target=fit)
    thread.start()
    wait_until(lambda: any(client.processing().values()))
    cluster.scale(0)
    thread.join(60)
    assert found
    assert found[0].startswith("lost where they were trained: network 0, network 1, network 2: ")
    with pytest.raises(RuntimeError, match="executor has had no worker for 1 s"):
        fleet(client).fit(X, y)


class Client:
    """What looks like a client."""

    asynchronous, status = False, "running"

    def submit(self): ...

    scatter = nthreads = wait_for_workers = lambda self, *arguments, **how: None

    def run(self, function, on_error):
        return {"tcp://there": ModuleNotFoundError("No module named 'fastnet'"), "tcp://here": function()}


@pytest.mark.parametrize(
    ("error", "message", "attributes"),
    [
        (TypeError, "not asynchronous", {"asynchronous": True}),
        (RuntimeError, "got a client that is closed", {"status": "closed"}),
        (RuntimeError, r"tcp://there has none \(ModuleNotFoundError: No module named 'fastnet'\)$", {}),
    ],
)
def test_a_client_that_cannot_be_used_is_refused(error, message, attributes, monkeypatch):
    for name, value in attributes.items():
        monkeypatch.setattr(Client, name, value)
    with pytest.raises(error, match=message):
        fleet(Client()).fit(*problem())

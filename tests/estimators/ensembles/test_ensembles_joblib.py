"""Searches and cross-validation on threads of joblib: fits run at the same time, and come to the same."""

import threading
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_validate

import fastnet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}


def problem(n=120):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 5))
    return X, (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("network", [fastnet.MLPClassifier, fastnet.MLPRegressor])
def test_results_are_those_of_one_fit_after_the_other(network):
    X, y = problem()
    model = network(**SETTINGS)
    search = GridSearchCV(model, {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(4,), (8,)]}, cv=3)

    def results(n_jobs):
        found = cross_validate(model, X, y, cv=3, n_jobs=n_jobs, return_estimator=True)
        parameters = [one._parameters for one in found["estimator"]]
        cv_results = search.set_params(n_jobs=n_jobs).fit(X, y).cv_results_
        best = search.best_estimator_._parameters
        return [found["test_score"], *parameters, cv_results["mean_test_score"], cv_results["std_test_score"], best]

    expected = results(None)
    with parallel_config("threading"):
        actual = results(2)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_fits_of_a_search_run_at_the_same_time():
    both = threading.Barrier(2)
    X, y = problem()

    def wait_for_the_other(epoch):
        if epoch.number == 2:
            both.wait(60)

    model = fastnet.MLPClassifier(callbacks=(wait_for_the_other,), **SETTINGS)
    search = GridSearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2, n_jobs=2, refit=False, error_score="raise")
    with parallel_config("threading"):
        search.fit(X, y)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_others_run_while_a_fit_computes(n_threads):
    X, y = problem(5000)
    chunks, ticks = [], 0

    class Count:
        def on_chunk_end(self, model, n_done, n_samples):
            chunks.append(n_done)

    settings = {"batch_size": 1000, "callbacks": (Count(),), "n_threads": n_threads, "max_iter": 4}
    model = fastnet.MLPClassifier(**SETTINGS | settings | {"hidden_layer_sizes": (400, 400)})
    thread = threading.Thread(target=model.fit, args=(X, y))
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)
        ticks += 1
    # who waited for the interpreter would be let in once for each call of compiled code
    assert ticks > 3 * len(chunks) > 0

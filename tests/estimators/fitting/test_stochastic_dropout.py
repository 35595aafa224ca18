"""Dropout in the estimators: seeded, the same for any number of threads, in training only."""

import copy

import numpy as np
import pytest
from estimators.test_base import BACKENDS, each_estimator, problem
from estimators.test_base_extras import assert_same_weights, differ, fit
from sklearn.metrics import log_loss

from fastnet import MLPClassifier

pytestmark = [
    pytest.mark.parametrize("backend", BACKENDS),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@each_estimator
def test_dropout_has_a_rate_for_each_hidden_layer_and_is_the_same_for_any_number_of_threads(estimator, backend):
    X, y = problem("binary")
    models = [fit(estimator, backend, X, y, dropout=0.4, n_threads=n_threads) for n_threads in (1, 2)]
    assert_same_weights(*models)
    assert differ(models[0], fit(estimator, backend, X, y))
    assert_same_weights(fit(estimator, backend, X, y, dropout=[0.4, 0.4]), models[0])
    assert differ(models[0], fit(estimator, backend, X, y, dropout=[0.4, 0.0]))
    assert_same_weights(fit(estimator, backend, X, y, dropout=0.0), fit(estimator, backend, X, y))


@each_estimator
def test_what_is_dropped_follows_the_seed(estimator, backend):
    X, y = problem("binary")
    start = fit(estimator, backend, X, y, warm_start=True, shuffle=False)
    models = [copy.deepcopy(start).set_params(dropout=0.4, random_state=seed).fit(X, y) for seed in (1, 1, 2)]
    assert_same_weights(models[0], models[1])
    assert differ(models[0], models[2])


@each_estimator
def test_nothing_is_dropped_in_prediction(estimator, backend):
    X, y = problem("binary")
    model = fit(estimator, backend, X, y, dropout=0.5, activation="tanh")
    hidden = np.tanh(np.tanh(X @ model.coefs_[0] + model.intercepts_[0]) @ model.coefs_[1] + model.intercepts_[1])
    np.testing.assert_allclose(model.transform(X), hidden, rtol=1e-9)


def test_dropout_leaves_a_wide_network_less_sure_of_noise(backend):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 20)), rng.integers(0, 2, 60)
    settings = {"hidden_layer_sizes": (64,), "max_iter": 100}
    losses = [
        log_loss(y, fit(MLPClassifier, backend, X, y, dropout=rate, **settings).predict_proba(X)) for rate in (0, 0.7)
    ]
    assert losses[1] > 2 * losses[0]

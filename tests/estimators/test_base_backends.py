"""The compiled kernels train estimators as the reference does, and to the same bits with any number of threads."""

import itertools

import numpy as np
import pytest
from estimators.test_base import BACKENDS, each_estimator, pair_for, problem
from tiers import tiered

from fastnet import MLPClassifier
from fastnet.estimators.constraints import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {
    "hidden_layer_sizes": (17, 9),
    "max_iter": 8,
    "learning_rate_init": 0.01,
    "batch_size": 32,
    "random_state": 0,
}

OF_BOTH = [
    *[{"activation": name} for name in ACTIVATIONS],
    *[{"solver": solver} for solver in ("sgd", "adamw", "lbfgs")],
    {"activation": ["silu", "tanh"], "solver": "lbfgs", "alpha": 1.0},
    {"dropout": 0.3},
    {"dropout": [0.0, 0.5], "solver": "sgd", "clip_norm": 0.5},
    {"clip_value": 0.01, "solver": "adamw", "weight_decay": 0.5},
    {"learning_rate": "one_cycle", "warmup": 3},
    {"early_stopping": True},
    {"batch_size": "auto", "shuffle": False},
]
OF_CLASSIFIERS = [{"label_smoothing": 0.2}, {"label_smoothing": 0.1, "dropout": 0.2, "activation": "gelu"}]
OF_REGRESSORS = [{"loss": loss} for loss in ("poisson", "huber", "absolute_error")]
OF_REGRESSORS += [{"loss": "huber", "huber_delta": 0.1, "dropout": 0.2}, {"loss": "absolute_error", "solver": "sgd"}]

CASES = [(kind, settings) for settings in OF_BOTH for kind in ("multiclass", "two outputs")]
CASES += [(kind, settings) for settings in OF_CLASSIFIERS for kind in ("binary", "multiclass", "multilabel")]
CASES += [("poisson", settings) for settings in OF_REGRESSORS]
CASES += [(kind, {"class_weight": "balanced"}) for kind in ("binary", "multiclass", "multilabel")]

# Each solver, loss and addition once. The kernels of all activations are held to the reference one by one.
OF_EVERY_CHANGE = [
    ("multiclass", {"activation": "relu"}),
    ("two outputs", {"activation": ["silu", "tanh"], "solver": "lbfgs", "alpha": 1.0}),
    ("two outputs", {"dropout": [0.0, 0.5], "solver": "sgd", "clip_norm": 0.5}),
    ("multiclass", {"clip_value": 0.01, "solver": "adamw", "weight_decay": 0.5}),
    ("multiclass", {"learning_rate": "one_cycle", "warmup": 3}),
    ("two outputs", {"early_stopping": True}),
    ("multiclass", {"batch_size": "auto", "shuffle": False}),
    ("multiclass", {"label_smoothing": 0.2}),
    ("multilabel", {"label_smoothing": 0.2}),
    ("binary", {"class_weight": "balanced"}),
    *(("poisson", {"loss": loss}) for loss in ("poisson", "huber", "absolute_error")),
]
assert all(case in CASES for case in OF_EVERY_CHANGE)


def fit(kind, settings, dtype=np.float64, **execution):
    X, y = problem(kind)
    weights = np.random.default_rng(0).uniform(0, 2, len(y)) if "dropout" not in settings else None
    model = pair_for(kind)[0](**(SETTINGS | settings), **execution)
    return model.fit(X.astype(dtype), y, sample_weight=weights), X.astype(dtype)


@tiered(("kind", "settings"), CASES, lambda *case: case in OF_EVERY_CHANGE)
def test_kernels_train_as_the_reference(kind, settings):
    (actual, X), (expected, _) = (fit(kind, settings, backend=backend) for backend in ("numba", "numpy"))
    # some steps of descent, or of a line search, magnify a difference in the last bit by less than 1e6
    np.testing.assert_allclose(actual.loss_, expected.loss_, rtol=1e-9)
    for own, other in zip(actual.coefs_ + actual.intercepts_, expected.coefs_ + expected.intercepts_, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-7, atol=1e-9)
    answers = [getattr(model, "predict_proba", model.predict)(X) for model in (actual, expected)]
    np.testing.assert_allclose(*answers, rtol=1e-6, atol=1e-9)


@tiered(("kind", "settings"), CASES, lambda *case: case in OF_EVERY_CHANGE[:4])
def test_threads_change_no_bit(kind, settings):
    one, three = (fit(kind, settings, np.float32, n_threads=n_threads)[0] for n_threads in (1, 3))
    assert one.loss_ == three.loss_
    for own, other in zip(one.coefs_ + one.intercepts_, three.coefs_ + three.intercepts_, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("binary", np.float64), ("multiclass", np.float32), ("multilabel", np.float64), ("two outputs", np.float32),
        ("poisson", np.float64),
    ],
)  # fmt: skip
def test_a_row_alone_gets_the_bits_it_gets_among_others(kind, dtype):
    settings = {"loss": "poisson"} if kind == "poisson" else {}
    model, X = fit(kind, settings | {"activation": ["relu", "tanh"]}, dtype)
    for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
        if hasattr(model, method):
            together = getattr(model, method)(X)
            for n_rows in (1, 2, 3):
                alone = getattr(model, method)(X[5 : 5 + n_rows])
                assert (alone.dtype, alone.shape) == (together.dtype, together[5 : 5 + n_rows].shape)
                np.testing.assert_array_equal(alone, together[5 : 5 + n_rows])


@each_estimator
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_that_is_not_finite_is_refused(estimator, backend):
    X, y = problem("binary")
    model = estimator(backend=backend, max_iter=1).fit(X, y)
    for column, bad in itertools.product((0, 6), (np.nan, np.inf, -np.inf)):
        row = X[:1].copy()
        row[0, column] = bad
        with pytest.raises(ValueError, match="X contains"):
            model.predict(row)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_of_large_numbers_is_answered(backend):
    X, y = problem("binary")
    model = MLPClassifier(3, activation="tanh", backend=backend, max_iter=1).fit(X, y)
    row = np.where(X[:1] > 0, 1e200, -1e200)
    signs = np.sign(row @ model.coefs_[0])
    np.testing.assert_array_equal(model.predict(row)[0], (signs @ model.coefs_[1] + model.intercepts_[1] > 0)[0, 0])


@each_estimator
@pytest.mark.parametrize("backend", BACKENDS)
def test_layers_that_do_not_fit_each_other_are_refused(estimator, backend):
    X, y = problem("binary")
    model = estimator(hidden_layer_sizes=(5, 4), backend=backend, max_iter=1).fit(X, y)
    model.coefs_[1] = np.ones((9, 4))
    with pytest.raises(ValueError, match=r"coefs_\[1\] must have shape \(5, 4\) before intercepts_\[1\], got \(9, 4\)"):
        model.predict(X[:1])
    model.coefs_[1], model.coefs_[0] = np.ones((5, 4)), np.ones((6, 5))
    with pytest.raises(ValueError, match="X has 7 features, but the network takes 6"):
        model.predict(X[:1])

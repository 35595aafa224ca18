"""What the estimators add to scikit-learn's: each addition does what it says, and refuses what it cannot use."""

import functools
import itertools

import numpy as np
import pytest
from estimators.test_base import BACKENDS, each_backend, each_estimator, problem
from sklearn.utils.class_weight import compute_sample_weight
from tiers import tiered

from fastnet import MLPClassifier, MLPRegressor, Trainer, kernels

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {
    "hidden_layer_sizes": (8, 6),
    "max_iter": 12,
    "learning_rate_init": 0.01,
    "batch_size": 32,
    "random_state": 0,
}

ACTIVATIONS = {
    "identity": lambda x: x,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
}


def fit(estimator, backend, X, y, weights=None, /, **settings):
    return estimator(backend=backend, **(SETTINGS | settings)).fit(X, y, sample_weight=weights)


def assert_same_weights(actual, expected, rtol=0.0):
    for own, other in zip(actual.coefs_ + actual.intercepts_, expected.coefs_ + expected.intercepts_, strict=True):
        np.testing.assert_allclose(own, other, rtol=rtol, atol=rtol / 100)


def differ(actual, expected):
    return any((own != other).any() for own, other in zip(actual.coefs_, expected.coefs_, strict=True))


@each_backend
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize("weights", [None, "some"])
def test_class_weights_are_weights_of_samples(kind, weights, backend):
    X, y = problem(kind)
    X, y = X[20:], y[20:]  # which leaves classes of unequal size
    weights = None if weights is None else np.random.default_rng(0).uniform(0.5, 2, len(y))
    given = dict(zip(np.unique(y), [0.5, 2.0, 3.0, 1.0], strict=False))
    own = np.array([given[label] for label in y])
    actual = fit(MLPClassifier, backend, X, y, weights, class_weight=given)
    assert_same_weights(actual, fit(MLPClassifier, backend, X, y, own if weights is None else own * weights), 1e-9)


@each_backend
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_balanced_classes_have_equal_weights_in_all(kind, backend):
    X, y = problem(kind)
    X, y = X[20:], y[20:]
    actual = fit(MLPClassifier, backend, X, y, class_weight="balanced")
    assert_same_weights(actual, fit(MLPClassifier, backend, X, y, compute_sample_weight("balanced", y)), 1e-9)
    with pytest.raises(ValueError, match="class_weight"):
        actual.partial_fit(X, y)


@each_backend
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_balance_counts_a_sample_as_often_as_its_weight_says(kind, backend):
    X, y = problem(kind)
    X, y = X[20:], y[20:]
    times = np.arange(len(y)) % 4
    settings = {"class_weight": "balanced", "batch_size": "auto", "shuffle": False}
    actual = fit(MLPClassifier, backend, X, y, times, **settings)
    repeated = fit(MLPClassifier, backend, X.repeat(times, axis=0), y.repeat(times, axis=0), **settings)
    assert_same_weights(actual, repeated, 1e-7)


@each_backend
def test_a_class_without_weight_is_left_out_of_the_balance(backend):
    X, y = problem("multiclass")
    weights = np.where(y == "fir", 0.0, 1.0)
    settings = {"batch_size": "auto", "shuffle": False}
    actual = fit(MLPClassifier, backend, X, y, weights, class_weight="balanced", **settings)
    own = weights.copy()
    own[y != "fir"] = compute_sample_weight("balanced", y[y != "fir"])
    assert_same_weights(actual, fit(MLPClassifier, backend, X, y, own, **settings), 1e-9)


@each_backend
def test_weights_of_classes_need_not_be_of_those_in_a_part_of_the_samples(backend):
    X, y = problem("multiclass")
    model = MLPClassifier(backend=backend, class_weight={"oak": 2.0}, **SETTINGS)
    part = y != "oak"
    model.partial_fit(X[part], y[part], classes=np.unique(y))
    plain = MLPClassifier(backend=backend, **SETTINGS).partial_fit(X[part], y[part], classes=np.unique(y))
    assert_same_weights(model, plain)


@each_backend
def test_weights_that_leave_nothing_to_train_on_are_refused_by_name(backend):
    X, y = problem("binary")
    with pytest.raises(ValueError, match="class_weight and sample_weight"):
        fit(MLPClassifier, backend, X, y, y == 0, class_weight={0: 0})
    with pytest.raises(ValueError, match=r"class_weight must be .* indicator matrix"):
        fit(MLPClassifier, backend, *problem("multilabel"), class_weight={0: 1.0})


@tiered(
    ("backend", "activation"),
    itertools.product(BACKENDS, ACTIVATIONS),
    lambda backend, activation: backend == "numpy" or activation in ("relu", "logistic"),
)
def test_transform_is_the_last_hidden_layer(activation, backend):
    X, y = problem("multiclass")
    model = fit(MLPClassifier, backend, X, y, activation=activation)
    hidden = X
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        hidden = ACTIVATIONS[activation](hidden @ W + b)
    actual = model.transform(X)
    assert actual.shape == (len(X), 6)
    np.testing.assert_allclose(actual, hidden, rtol=1e-9, atol=1e-12)
    logits = hidden @ model.coefs_[-1] + model.intercepts_[-1]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X), odds / odds.sum(axis=1, keepdims=True), rtol=1e-9)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@each_backend
@each_estimator
def test_transform_gives_any_hidden_layer(estimator, backend):
    X, y = problem("binary")
    model = fit(estimator, backend, X, y, activation="tanh")
    first = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    np.testing.assert_allclose(model.transform(X, layer=0), first, rtol=1e-9)
    np.testing.assert_array_equal(model.transform(X, layer=-2), model.transform(X, layer=0))
    np.testing.assert_array_equal(model.transform(X, layer=1), model.transform(X))
    with pytest.raises(ValueError, match="layer"):
        model.transform(X, layer=2)


@each_backend
@each_estimator
def test_the_network_of_a_model_answers_as_the_model(estimator, backend):
    X, y = problem("multiclass" if estimator is MLPClassifier else "two outputs")
    model = fit(estimator, backend, X, y, activation=["gelu", "logistic"])
    kept = model.to_model({"score": 0.5})
    assert kept.metrics == {"score": 0.5}
    logits = Trainer(kept.network, loss=kept.loss, backend=backend).predict_logits(X)
    np.testing.assert_allclose(logits, model.transform(X) @ model.coefs_[-1] + model.intercepts_[-1], rtol=1e-9)


@each_backend
@each_estimator
def test_each_hidden_layer_may_have_its_own_activation(estimator, backend):
    X, y = problem("binary")
    model = fit(estimator, backend, X, y, activation=["softplus", "tanh"])
    first = ACTIVATIONS["softplus"](X @ model.coefs_[0] + model.intercepts_[0])
    np.testing.assert_allclose(model.transform(X), np.tanh(first @ model.coefs_[1] + model.intercepts_[1]), rtol=1e-9)
    assert_same_weights(
        fit(estimator, backend, X, y, activation=["elu", "elu"]), fit(estimator, backend, X, y, activation="elu")
    )


@each_backend
@pytest.mark.parametrize(("kind", "n_classes"), [("binary", 2), ("multiclass", 4)])
def test_smoothed_labels_are_samples_of_every_class_in_proportion(kind, n_classes, backend):
    X, y = problem(kind, n_samples=48)
    every = np.repeat(np.unique(y)[None], 48, axis=0)
    weights = np.where(every == y[:, None], 1 - 0.2 + 0.2 / n_classes, 0.2 / n_classes)
    settings = {"batch_size": "auto", "shuffle": False}
    actual = fit(MLPClassifier, backend, X, y, label_smoothing=0.2, **settings)
    spread = fit(MLPClassifier, backend, X.repeat(n_classes, axis=0), every.ravel(), weights.ravel(), **settings)
    assert_same_weights(actual, spread, rtol=1e-7)
    np.testing.assert_allclose(actual.loss_curve_, spread.loss_curve_, rtol=1e-9)


@each_backend
def test_robust_losses_heed_an_outlier_less(backend):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    truth = X @ [1.0, -2.0, 0.5]
    y = truth + np.where(np.arange(80) == 7, 200.0, 0.0)
    settings = {"hidden_layer_sizes": 4, "activation": "identity", "max_iter": 200, "learning_rate_init": 0.02}
    errors = {
        loss: np.abs(fit(MLPRegressor, backend, X, y, loss=loss, **settings).predict(X) - truth).mean()
        for loss in ("squared_error", "huber", "absolute_error")
    }
    assert errors["huber"] < 0.2 * errors["squared_error"]
    assert errors["absolute_error"] < 0.2 * errors["squared_error"]


@each_backend
def test_huber_loss_is_the_squared_error_within_delta_and_the_absolute_error_beyond(backend):
    X, y = problem("one output")
    assert_same_weights(
        fit(MLPRegressor, backend, X, y, loss="huber", huber_delta=1e6), fit(MLPRegressor, backend, X, y), rtol=1e-9
    )
    far = {"solver": "sgd", "learning_rate_init": 1e-3, "alpha": 0.0}
    huber = fit(MLPRegressor, backend, X, y + 1e4, loss="huber", huber_delta=2.0, **far)
    absolute = fit(MLPRegressor, backend, X, y + 1e4, loss="absolute_error", **(far | {"learning_rate_init": 2e-3}))
    assert_same_weights(huber, absolute, rtol=1e-7)


@each_backend
@each_estimator
def test_adamw_is_adam_with_weights_that_decay(estimator, backend):
    X, y = problem("binary")
    still = fit(estimator, backend, X, y, solver="adamw", weight_decay=0.0)
    assert_same_weights(still, fit(estimator, backend, X, y, solver="adam"), rtol=1e-9)
    decayed = fit(estimator, backend, X, y, solver="adamw", weight_decay=10.0)
    assert np.linalg.norm(decayed.coefs_[0]) < 0.5 * np.linalg.norm(still.coefs_[0])


@each_backend
@each_estimator
@pytest.mark.parametrize("limit", ["clip_norm", "clip_value"])
def test_a_clipped_step_is_no_longer_than_asked_for(estimator, limit, backend):
    X, y = problem("binary")
    settings = {
        "solver": "sgd",
        "momentum": 0.0,
        "learning_rate_init": 0.5,
        "alpha": 0.0,
        "warm_start": True,
        "max_iter": 1,
    }
    model = fit(estimator, backend, X, y * 5, batch_size="auto", **settings, **{limit: 1e-3})
    before = np.concatenate([part.ravel() for part in model.coefs_ + model.intercepts_])
    after = np.concatenate([part.ravel() for part in model.fit(X, y * 5).coefs_ + model.intercepts_])
    order = 2 if limit == "clip_norm" else np.inf
    assert np.linalg.norm(after - before, order) == pytest.approx(0.5 * 1e-3)


@each_backend
@each_estimator
def test_dtype_says_in_which_precision_to_compute(estimator, backend):
    X, y = problem("binary")
    single = fit(estimator, backend, X, y, dtype="float32")
    assert {part.dtype for part in single.coefs_ + single.intercepts_} == {np.dtype(np.float32)}
    assert_same_weights(single, fit(estimator, backend, X.astype(np.float32), y))
    assert single.transform(X).dtype == np.float32
    double = fit(estimator, backend, X.astype(np.float32), y, dtype="float64")
    assert_same_weights(double, fit(estimator, backend, X.astype(np.float32).astype(float), y))


@each_backend
@each_estimator
def test_a_batch_of_no_weight_is_passed_over(estimator, backend):
    X, y = problem("binary")
    weights, kept = np.ones(90), np.r_[0:32, 64:90]
    weights[32:64] = 0
    actual = fit(estimator, backend, X, y, weights, shuffle=False)
    assert_same_weights(actual, fit(estimator, backend, X[kept], y[kept], shuffle=False), 1e-9)
    assert actual.t_ == 12 * 90


@each_estimator
def test_kernels_get_as_many_threads_as_asked_for(estimator, monkeypatch):
    X, y = problem("binary")
    told = []

    def noted(original, *args, n_threads, **kwargs):
        told.append((original.__name__, n_threads))
        return original(*args, n_threads=n_threads, **kwargs)

    for name in ("prepare_training", "predict_logits", "loss_gradient"):
        monkeypatch.setattr(kernels, name, functools.partial(noted, getattr(kernels, name)))
    fit(estimator, "numba", X, y, n_threads=1, max_iter=1).predict(X)
    fit(estimator, "numba", X, y, n_threads=1, max_iter=1, solver="lbfgs")
    assert dict(told) == {"prepare_training": 1, "predict_logits": 1, "loss_gradient": 1}

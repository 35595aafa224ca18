"""Mistakes in using the estimators: refused as scikit-learn refuses them, and by name."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network
from estimators.test_base import each_backend, each_estimator, each_pair, need_weights_and_poisson, problem
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import fastnet

BAD_SETTINGS = [
    {"hidden_layer_sizes": (5, 0)}, {"hidden_layer_sizes": -1}, {"hidden_layer_sizes": 2.5}, {"activation": "step"},
    {"solver": "newton"}, {"alpha": -1}, {"batch_size": 0}, {"batch_size": "all"}, {"learning_rate": "fast"},
    {"learning_rate_init": 0.0}, {"power_t": -0.5}, {"max_iter": 0}, {"shuffle": "yes"}, {"random_state": "x"},
    {"tol": -1}, {"verbose": "loud"}, {"warm_start": 2}, {"momentum": 1.5}, {"nesterovs_momentum": "no"},
    {"early_stopping": "yes"}, {"validation_fraction": 1.0}, {"validation_fraction": -0.1}, {"beta_1": 1.0},
    {"beta_2": -0.1}, {"epsilon": 0.0}, {"n_iter_no_change": 0}, {"max_fun": 0}, {"loss": "hinge"},
]  # fmt: skip


@each_pair
@pytest.mark.parametrize("settings", BAD_SETTINGS, ids=str)
def test_a_setting_that_scikit_learn_refuses_is_refused_by_name_with_the_same_type(ours, theirs, settings):
    X, y = problem("binary")
    (name,) = settings
    if name == "loss":
        need_weights_and_poisson()
    if name not in theirs().get_params():
        with pytest.raises(TypeError, match=name):
            ours(**settings)
        return
    with pytest.raises(ValueError, match=name) as expected:
        theirs(**settings).fit(X, y)
    with pytest.raises(type(expected.value), match=name):
        ours(**settings).fit(X, y)


def predict_before_fit(estimator, X, y):
    estimator.predict(X)


def stop_early_in_partial_fit(estimator, X, y):
    estimator.set_params(early_stopping=True).partial_fit(X, y, **classes_of(estimator, y))


def hold_out_a_single_sample(estimator, X, y):
    need_weights_and_poisson()  # as releases without them fit
    estimator.set_params(early_stopping=True, validation_fraction=0.1).fit(X[:10], y[:10])


def start_warm_from_other_features(estimator, X, y):
    estimator.set_params(warm_start=True).fit(X, y).fit(X[:, :4], y)


def predict_other_features(estimator, X, y):
    estimator.fit(X, y).predict(X[:, :4])


def predict_for_nobody(estimator, X, y):
    estimator.fit(X, y).predict(X[:0])


def fit_to_nan(estimator, X, y):
    estimator.fit(np.where(X > 2, np.nan, X), y)


def fit_to_too_few_targets(estimator, X, y):
    estimator.fit(X, y[:-1])


def fit_to_words(estimator, X, y):
    estimator.fit(np.full(X.shape, "word"), y)


def overflow(estimator, X, y):
    estimator.set_params(solver="sgd", learning_rate_init=1e30, momentum=0).fit(X * 1e200, y)


def classes_of(estimator, y):
    return {"classes": np.unique(y)} if hasattr(estimator, "predict_proba") else {}


MISTAKES = [
    predict_before_fit, stop_early_in_partial_fit, hold_out_a_single_sample, start_warm_from_other_features,
    predict_other_features, predict_for_nobody, fit_to_nan, fit_to_too_few_targets, fit_to_words, overflow,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning")
@each_pair
@each_backend
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_raises_what_it_raises_in_scikit_learn(ours, theirs, backend, mistake):
    X, y = problem("binary")
    settings = {"hidden_layer_sizes": 3, "activation": "identity", "max_iter": 2, "random_state": 0}
    with pytest.raises((ValueError, NotFittedError)) as expected:
        mistake(theirs(**settings), X, y)
    with pytest.raises(type(expected.value)) as actual:
        mistake(ours(**settings, backend=backend), X, y)
    words = "early_stopping cannot hold out rows to score: " if mistake is hold_out_a_single_sample else ""
    assert str(actual.value) == words + str(expected.value)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_backend
def test_classes_that_appear_late_are_refused_as_in_scikit_learn(backend):
    X, y = problem("multiclass")
    for settings, first, then in [
        ({"warm_start": True}, lambda model: model.fit(X[y != "oak"], y[y != "oak"]), lambda model: model.fit(X, y)),
        ({}, lambda model: model.partial_fit(X, y, classes=np.unique(y)), lambda model: model.partial_fit(X, y + "s")),
        ({}, lambda model: model, lambda model: model.partial_fit(X, y)),
        (
            {},
            lambda model: model.partial_fit(X, y, classes=np.unique(y)),
            lambda model: model.partial_fit(X, y, classes=["ash", "elm"]),
        ),
    ]:
        messages = []
        for model in (fastnet.MLPClassifier(backend=backend), sklearn.neural_network.MLPClassifier()):
            first(model.set_params(max_iter=1, **settings))
            with pytest.raises(ValueError, match="class") as caught:
                then(model)
            messages.append(str(caught.value).replace("`", "'"))
        assert messages[0] == messages[1]


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="y must not be negative for the poisson loss, got -1"):
        fastnet.MLPRegressor(loss="poisson", backend="numpy").fit([[0.0], [1.0]], [1.0, -1.0])


@each_estimator
@pytest.mark.parametrize("weights", [np.zeros(90), np.ones(89), -np.ones(90), np.full(90, np.nan), np.ones((90, 2))])
def test_weights_that_cannot_be_used_are_refused_by_name(estimator, weights):
    X, y = problem("binary")
    with pytest.raises(ValueError, match="sample_weight"):
        estimator(backend="numpy").fit(X, y, sample_weight=weights)


@each_pair
@each_backend
def test_warnings_are_those_of_scikit_learn(ours, theirs, backend):
    X, y = problem("binary")
    for settings in (
        {"max_iter": 2},
        {"max_iter": 2, "batch_size": 500},
        {"max_iter": 2, "batch_size": 90},
        {"max_iter": 3, "solver": "lbfgs"},
    ):
        messages = []
        for estimator in (ours(backend=backend, **settings), theirs(**settings)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                estimator.fit(X, y)
            # the advice after the first line differs from one release to the next
            messages.append([(warning.category, str(warning.message).splitlines()[0]) for warning in caught])
        assert messages[0] == messages[1]
        assert ConvergenceWarning in [category for category, _ in messages[0]]


BAD_ADDITIONS = [
    {"backend": "torch"}, {"n_threads": 0}, {"n_threads": 1.5}, {"dtype": "int32"}, {"dropout": 1.0}, {"dropout": -0.1},
    {"dropout": "half"}, {"activation": ["relu"]}, {"activation": ["relu", "cube"]}, {"weight_decay": -1.0},
    {"clip_norm": 0.0}, {"clip_value": -1.0}, {"learning_rate": "onecycle"}, {"callbacks": (3,)},
    {"max_time": 0.0}, {"progress_bar": 2},
    {"class_weight": "uneven"}, {"class_weight": {0: -1, 1: 1}}, {"class_weight": {0: 0, 1: 0}},
    {"class_weight": {0: "one"}}, {"class_weight": {1: np.nan}}, {"class_weight": {7: 1.0}},
    {"label_smoothing": 1.0}, {"label_smoothing": -0.1},
    {"loss": "hinge"}, {"huber_delta": 0.0}, {"warmup": -1}, {"dropout": [0.5]}, {"decay": 1.0}, {"decay_every": 0},
    {"min_learning_rate": -1.0}, {"scoring": "beauty"}, {"scoring": "beauty", "solver": "lbfgs"},
    {"hidden_layer_sizes": (5, 2.5)}, {"dropout": [0.5, 1.0]}, {"dropout": 0.5, "solver": "lbfgs"},
]  # fmt: skip


@each_estimator
@pytest.mark.parametrize("settings", BAD_ADDITIONS, ids=str)
def test_what_an_addition_cannot_use_is_refused_by_name(estimator, settings):
    X, y = problem("binary")
    name = next(iter(settings))
    if name not in estimator().get_params():
        with pytest.raises(TypeError, match=name):
            estimator(**settings)
        return
    with pytest.raises((ValueError, TypeError), match=name):
        estimator(**({"backend": "numpy", "hidden_layer_sizes": (8, 6)} | settings)).fit(X, y)

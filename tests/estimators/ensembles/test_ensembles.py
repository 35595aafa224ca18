"""Ensembles: their networks are those that would be fitted alone, to the bit, and answer together."""

import threading
import warnings
from functools import partial
from unittest import SkipTest

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import estimator_checks_generator

import fastnet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 6, "random_state": 3}
KINDS = [
    (fastnet.MLPEnsembleClassifier, fastnet.MLPClassifier),
    (fastnet.MLPEnsembleRegressor, fastnet.MLPRegressor),
]
# what a bootstrap can change
OF_BOOTSTRAPS = {
    "check_classifiers_train",
    "check_classifiers_one_label",
    "check_regressors_train",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_methods_subset_invariance",
    "check_estimators_pickle",
    "check_estimator_sparse_array",
}
each_kind = pytest.mark.parametrize(("ensemble", "network"), KINDS)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X[:300] / 16).astype(np.float32), y[:300]


def same_bits(actual, expected):
    assert vars(actual).keys() == vars(expected).keys()
    assert actual.get_params() == expected.get_params()
    np.testing.assert_array_equal(actual._parameters, expected._parameters, strict=True)
    for name in ("loss_curve_", "n_iter_", "t_", "validation_scores_"):
        if hasattr(expected, name):
            assert getattr(actual, name) == getattr(expected, name)


def checks():
    """Yield scikit-learn's checks; a bootstrap draws other rows of weights than of as many repetitions."""
    settings = {"max_iter": 30, "learning_rate_init": 0.02}
    for ensemble, _ in KINDS:
        for bootstrap in (False, True):
            for model, check in estimator_checks_generator(ensemble(2, bootstrap=bootstrap, **settings)):
                name = check.func.__name__
                if not (bootstrap and name.startswith("check_sample_weight_equivalence")):
                    marks = pytest.mark.exhaustive if bootstrap and name not in OF_BOOTSTRAPS else ()
                    yield pytest.param(model, check, marks=marks, id=f"{ensemble.__name__}-{bootstrap}-{name}")


@pytest.mark.parametrize(("model", "check"), list(checks()))
def test_every_check_of_scikit_learn_passes(model, check):
    try:
        check(model)
    except SkipTest as reason:
        if "does not have a decision_function method" not in str(reason):
            pytest.fail(f"not checked for want of a package or a setting: {reason}")


@pytest.mark.parametrize(
    "settings", [{}, {"dropout": 0.2, "early_stopping": True}, {"solver": "lbfgs"}, {"backend": "numpy"}]
)
@pytest.mark.parametrize("bootstrap", [False, True])
@each_kind
def test_each_network_has_the_bits_that_it_has_alone(ensemble, network, bootstrap, settings, digits):
    X, y = digits
    weights = np.linspace(0.5, 1.5, len(y))
    model = ensemble(3, bootstrap=bootstrap, n_threads=2, **QUICK | settings).fit(X, y, weights)
    seeds = [one.random_state for one in model.estimators_]
    assert len(set(seeds)) == 3
    for one, seed, rows in zip(model.estimators_, seeds, model.estimators_samples_, strict=True):
        alone = network(n_threads=2, **QUICK | settings | {"random_state": seed})
        same_bits(one, alone.fit(X[rows], y[rows], weights[rows]))


@each_kind
def test_the_number_of_threads_and_of_networks_changes_nothing(ensemble, network, digits):
    X, y = digits
    one, two = (ensemble(n, bootstrap=True, n_threads=threads, **QUICK).fit(X, y) for n, threads in ((2, 1), (5, 3)))
    for first, second in zip(one.estimators_, two.estimators_, strict=False):
        np.testing.assert_array_equal(first._parameters, second._parameters)
    np.testing.assert_array_equal(one.estimators_samples_[1], two.estimators_samples_[1])


def test_probabilities_are_means(digits):
    X, y = digits
    model = fastnet.MLPEnsembleClassifier(3, **QUICK).fit(X, y)
    expected = np.mean([one.predict_proba(X) for one in model.estimators_], axis=0)
    actual = model.predict_proba(X)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), model.classes_[expected.argmax(axis=1)])
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_standard_deviation_is_that_of_the_networks(n_outputs, digits):
    X, _ = digits
    y = X[:, 20] if n_outputs == 1 else X[:, 20:22]
    model = fastnet.MLPEnsembleRegressor(3, **QUICK).fit(X, y)
    each = [one.predict(X) for one in model.estimators_]
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == y.shape
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-5)
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.predict(X), mean)


def test_a_network_gives_nothing_to_classes_that_its_rows_have_not():
    X = np.arange(6.0).reshape(-1, 1)
    y = np.array(["a", "a", "a", "b", "c", "c"])
    model = fastnet.MLPEnsembleClassifier(12, bootstrap=True, **QUICK).fit(X, y)
    seen = [set(y[rows]) for rows in model.estimators_samples_]
    assert [set(one.classes_) for one in model.estimators_] == seen
    assert any(len(one) < 3 for one in seen)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    index = next(i for i, one in enumerate(seen) if len(one) == 2)
    (missing,) = np.flatnonzero(~np.isin(model.classes_, list(seen[index])))
    assert (model._probabilities(model.estimators_[index], X)[:, missing] == 0).all()


@pytest.mark.filterwarnings("ignore:.*out-of-bag")
@pytest.mark.parametrize("as_sparse", [False, True])
def test_indicator_matrices_have_a_probability_for_each_label(as_sparse, digits):
    X, y = digits
    labels = np.stack([y % 2, y > 4, y == 0], axis=1).astype(int)
    target = sparse.csr_matrix(labels) if as_sparse else labels
    model = fastnet.MLPEnsembleClassifier(3, bootstrap=True, oob_score=not as_sparse, **QUICK).fit(X, target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = model.predict(X)
    assert sparse.issparse(predicted) == as_sparse
    dense = predicted.toarray() if as_sparse else predicted
    np.testing.assert_array_equal(dense, model.predict_proba(X) > 0.5)


@pytest.mark.filterwarnings("ignore:.*out-of-bag")
def test_out_of_bag_predictions_are_of_networks_that_have_not_seen_the_row(digits):
    X, y = digits
    model = fastnet.MLPEnsembleClassifier(4, bootstrap=True, oob_score=True, **QUICK).fit(X, y)
    row = 7
    unseen = [one for one, rows in zip(model.estimators_, model.estimators_samples_, strict=True) if row not in rows]
    expected = np.mean([one.predict_proba(X[[row]])[0] for one in unseen], axis=0)
    np.testing.assert_allclose(model.oob_decision_function_[row], expected, rtol=1e-6)
    known = ~np.isnan(model.oob_decision_function_[:, 0])
    assert model.oob_score_ == np.mean(model.oob_decision_function_[known].argmax(axis=1) == y[known])
    regressor = fastnet.MLPEnsembleRegressor(4, bootstrap=True, oob_score=True, **QUICK).fit(X, y)
    assert regressor.oob_score_ == pytest.approx(r2_score(y[known], regressor.oob_prediction_[known]))
    model.set_params(oob_score=False).fit(X, y)
    assert not hasattr(model, "oob_score_")


def test_rows_that_all_have_seen_are_told_of():
    X, y = np.arange(4.0).reshape(-1, 1), [0, 1, 0, 1]
    with pytest.warns(UserWarning, match="have no out-of-bag prediction"):
        model = fastnet.MLPEnsembleRegressor(1, bootstrap=True, oob_score=True, **QUICK).fit(X, y)
    assert np.isnan(model.oob_prediction_).any()


@each_kind
def test_names_of_features_are_known_to_each_network(ensemble, network, digits):
    pandas = pytest.importorskip("pandas")
    X, y = digits
    frame = pandas.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    model = ensemble(2, **QUICK).fit(frame, y, X_val=frame[:50], y_val=y[:50])
    assert len(model.estimators_[0].validation_scores_) == 6
    assert list(model.feature_names_in_) == list(model.estimators_[1].feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(model.predict(frame), ensemble(2, **QUICK).fit(X, y).predict(X))
    model.estimators_[0].predict(frame)  # without a warning


@each_kind
def test_a_warm_start_goes_on_and_adds_networks(ensemble, network, digits):
    X, y = digits
    model = ensemble(2, warm_start=True, **QUICK).fit(X, y)
    seeds = [one.random_state for one in model.estimators_]
    model.set_params(n_estimators=3).fit(X, y)
    assert [one.random_state for one in model.estimators_][:2] == seeds
    assert [len(one.loss_curve_) for one in model.estimators_] == [12, 12, 6]
    with pytest.raises(ValueError, match="n_estimators must be at least 3"):
        model.set_params(n_estimators=2).fit(X, y)


@each_kind
def test_constructors_have_all_parameters_of_the_network(ensemble, network):
    parameters = ensemble().get_params()
    assert parameters.keys() - network().get_params().keys() == {"n_estimators", "bootstrap", "oob_score"}
    assert network().get_params().keys() - parameters.keys() == {"progress_bar"}
    model = clone(ensemble(4, alpha=0.5).set_params(hidden_layer_sizes=(3, 2)))
    assert (model.n_estimators, model.alpha, model.hidden_layer_sizes) == (4, 0.5, (3, 2))
    with pytest.raises(TypeError, match=f"{ensemble.__name__} has no parameter 'layers'"):
        ensemble(layers=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_estimators": 0}, "'n_estimators' parameter"),
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"oob_score": True}, "oob_score=True needs bootstrap=True"),
        ({"activation": ("relu", "tanh")}, "^network [01]: activation must be one name"),
    ],
)
@each_kind
def test_what_cannot_be_used_is_named(ensemble, network, settings, message, digits):
    model = ensemble(**QUICK | {"n_estimators": 2} | settings)
    with pytest.raises(ValueError, match=message):
        model.fit(*digits)
    assert not hasattr(model, "estimators_")


@each_kind
def test_an_error_of_one_network_ends_the_others(ensemble, network, digits):
    begun = []

    def callback(epoch):
        begun.append(threading.get_ident())
        if len(begun) > 3:
            raise ZeroDivisionError("mine")

    model = ensemble(2, n_threads=2, callbacks=(callback,), **QUICK | {"max_iter": 10**6, "n_iter_no_change": np.inf})
    with pytest.raises(ZeroDivisionError, match="mine"):
        model.fit(*digits)
    assert threading.get_ident() not in begun


@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_ends_all_networks(n_threads, digits, monkeypatch):
    from fastnet.fleets import crew

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(crew, "wait", interrupted)
    model = fastnet.MLPEnsembleClassifier(
        3, n_threads=n_threads, **QUICK | {"max_iter": 10**6, "n_iter_no_change": np.inf}
    )
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits)
    assert not hasattr(model, "estimators_")


def test_settings_of_scikit_learn_reach_the_threads(digits):
    X, y = digits
    X = X.copy()
    X[0, 0] = np.nan
    model = partial(fastnet.MLPEnsembleClassifier, 2, **QUICK)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model().fit(X, y)
    with sklearn.config_context(assume_finite=True), pytest.raises(ValueError, match=r"network [01]: Solver produced"):
        model().fit(X, y)


def test_accuracy_is_that_of_scikit_learns_bagging(digits):
    X, y = digits
    settings = {"hidden_layer_sizes": (20,), "max_iter": 40, "learning_rate_init": 0.01}
    ours = fastnet.MLPEnsembleClassifier(5, bootstrap=True, random_state=0, **settings).fit(X[:200], y[:200])
    theirs = BaggingClassifier(fastnet.MLPClassifier(**settings), 5, random_state=0).fit(X[:200], y[:200])
    assert ours.score(X[200:], y[200:]) >= theirs.score(X[200:], y[200:]) - 0.05

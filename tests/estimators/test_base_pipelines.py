"""Real pipelines of scikit-learn with nothing changed but the import."""

import os
import pickle
import re
import signal
import sys
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import scipy.sparse
import sklearn
import sklearn.neural_network
from estimators.test_base import BACKENDS, PAIRS, each_estimator, problem
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from fastnet import MLPClassifier, MLPRegressor
from fastnet.training.callbacks import Callback

pytestmark = [
    pytest.mark.parametrize("backend", BACKENDS),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

SETTINGS = {"hidden_layer_sizes": (16,), "max_iter": 15, "learning_rate_init": 0.01, "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


@pytest.fixture(scope="module")
def words():
    """Counts of 3,000 words in 300 texts about one of three subjects, some 20 different words in each."""
    rng = np.random.default_rng(0)
    subjects = rng.integers(0, 3, 300)
    usual = rng.random((3, 3000)) ** 8
    counts = [rng.multinomial(20, usual[subject] / usual[subject].sum()) for subject in subjects]
    return scipy.sparse.csr_array(np.array(counts, float)), subjects


def both(backend, **settings):
    """Our classifier and scikit-learn's with the same settings."""
    settings = SETTINGS | settings
    return MLPClassifier(backend=backend, **settings), sklearn.neural_network.MLPClassifier(**settings)


def test_a_grid_search_finds_what_it_finds_with_scikit_learn(digits, backend):
    grid = {"mlpclassifier__hidden_layer_sizes": [(8,), (16,)], "mlpclassifier__alpha": [1e-4, 1.0]}
    found = []
    for model in both(backend):
        search = GridSearchCV(make_pipeline(StandardScaler(), model), grid, n_jobs=2, cv=3)
        found.append(search.fit(*digits))
    np.testing.assert_allclose(*[search.cv_results_["mean_test_score"] for search in found], atol=0.005)
    assert found[0].best_params_ == found[1].best_params_
    assert found[0].best_score_ > 0.8


def test_cross_validation_scores_as_with_scikit_learn(digits, words, backend):
    for (X, y), scaler in ((digits, StandardScaler()), (words, MaxAbsScaler())):
        scores = [cross_val_score(make_pipeline(scaler, model), X, y, cv=3) for model in both(backend)]
        np.testing.assert_allclose(*scores, atol=0.01)
        assert scores[0].min() > 0.7


WRAPPERS = [
    lambda model: CalibratedClassifierCV(model, cv=3),
    lambda model: BaggingClassifier(model, n_estimators=3, random_state=0),
    lambda model: BaggingClassifier(model, n_estimators=3, max_features=0.5, random_state=0, n_jobs=2),
    lambda model: make_pipeline(MaxAbsScaler(), SelectKBest(chi2, k=30), model),
]


@pytest.mark.parametrize("wrap", WRAPPERS, ids=["calibrated", "bagged", "bagged in two processes", "selected"])
def test_meta_estimators_predict_what_they_predict_with_scikit_learn(digits, words, wrap, backend):
    for X, y in (digits, words):
        models = [wrap(model).fit(X[:200], y[:200]) for model in both(backend)]
        np.testing.assert_allclose(*[model.predict_proba(X[200:]) for model in models], rtol=1e-5, atol=1e-8)


def test_a_chain_of_classifiers_is_that_of_scikit_learn(backend):
    X, y = problem("multilabel")
    probabilities = [ClassifierChain(model, order=[2, 0, 1]).fit(X, y).predict_proba(X) for model in both(backend)]
    np.testing.assert_allclose(*probabilities, rtol=1e-6)


def test_permutation_importance_is_that_of_scikit_learn(backend):
    X, y = problem("binary")
    importances = []
    for model in both(backend):
        result = permutation_importance(model.fit(X, y), X, y, n_repeats=3, random_state=0)
        importances.append(result.importances)
    np.testing.assert_allclose(*importances)
    assert importances[0].max() > 0.05


@each_estimator
def test_copies_behave_as_the_model_does(estimator, backend, tmp_path):
    X, y = problem("binary")
    model = estimator(backend=backend, **SETTINGS).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (joblib.load(tmp_path / "model.joblib"), pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        np.testing.assert_array_equal(copy.coefs_[1], model.coefs_[1])
        assert copy.get_params() == model.get_params()


@each_estimator
def test_a_loaded_model_learns_on_where_the_saved_one_would(estimator, backend):
    X, y = problem("binary")
    classes = {"classes": [0, 1]} if estimator is MLPClassifier else {}
    model = estimator(backend=backend, **SETTINGS).partial_fit(X, y, **classes).partial_fit(X, y)
    copy = pickle.loads(pickle.dumps(model)).partial_fit(X, y)
    model.partial_fit(X, y)
    assert copy.loss_curve_ == model.loss_curve_
    np.testing.assert_array_equal(copy.coefs_[0], model.coefs_[0])


@each_estimator
def test_two_threads_fit_what_they_fit_one_after_the_other(estimator, backend):
    X, y = problem("binary")
    models = [estimator(backend=backend, **(SETTINGS | {"random_state": seed})) for seed in range(4)]
    expected = [clone(model).fit(X, y).coefs_[0] for model in models]
    with ThreadPoolExecutor(2) as pool:
        actual = [model.coefs_[0] for model in pool.map(lambda model: clone(model).fit(X, y), models)]
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this platform")
@pytest.mark.skipif(sys.platform == "darwin", reason="Apple's BLAS need not work in a forked child")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning")
def test_a_forked_child_predicts(digits, backend):
    X, y = digits
    model = MLPClassifier(backend=backend, n_threads=2, **SETTINGS).fit(X, y)
    expected = model.predict(X)
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that hangs ends, and fails the test
        os._exit(0 if np.array_equal(model.predict(X), expected) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


class Interrupt(Callback):
    def on_epoch_end(self, model, epoch):
        raise KeyboardInterrupt


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupt_keeps_a_usable_model_and_warns(estimator, solver, backend):
    X, y = problem("binary")
    model = estimator(backend=backend, solver=solver, callbacks=(Interrupt(),), **SETTINGS)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ == 1
    assert len(getattr(model, "loss_curve_", [model.loss_])) == 1
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no signal.setitimer on this platform")
def test_ctrl_c_during_a_long_fit_keeps_a_usable_model(digits, backend):
    X, y = digits
    model = MLPClassifier(hidden_layer_sizes=(100, 100), max_iter=10**6, tol=0, n_iter_no_change=10**6, backend=backend)
    model.partial_fit(X, y, classes=np.unique(y))  # compiled before the clock starts
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert model.predict_proba(X).shape == (len(X), 10)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_input_is_never_made_dense_as_a_whole(backend, solver, monkeypatch):
    monkeypatch.setattr("fastnet.training.samples.DENSE_BYTES", 4 << 20)
    rng = np.random.default_rng(0)
    places = rng.integers(0, 6000, 48_000), rng.integers(0, 4000, 48_000)
    X = scipy.sparse.coo_array((rng.random(48_000), places), (6000, 4000)).tocsr()
    y = np.arange(6000) % 3
    model = MLPClassifier((4,), solver=solver, batch_size=50, max_iter=2, backend=backend)
    model.fit(X[:100], y[:100]).predict(X)  # compiled before memory is counted
    tracemalloc.start()
    try:
        predicted = model.fit(X, y).predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6000 * 4000 * 8 / 6
    assert predicted.shape == (6000,)
    np.testing.assert_array_equal(predicted[-9:], model.predict(X[-9:].toarray()))


def test_sparse_input_in_any_form(backend, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.random((300, 90)) * (rng.random((300, 90)) < 0.1), np.arange(300) % 3
    rows = scipy.sparse.csr_array(X)
    halves = np.repeat(rows.data / 2, 2), np.repeat(rows.indices, 2), 2 * rows.indptr
    twice = scipy.sparse.csr_array(halves, rows.shape)
    expected = MLPClassifier(backend=backend, **SETTINGS).fit(X, y).loss_curve_
    for given in (rows, scipy.sparse.coo_matrix(X), twice):
        fitted = MLPClassifier(backend=backend, **SETTINGS).fit(given, y)
        np.testing.assert_allclose(fitted.loss_curve_, expected, rtol=1e-12)
    assert twice.nnz == 2 * rows.nnz  # the caller's
    monkeypatch.setattr("fastnet.training.samples.BITS_BYTES", 100)  # so that batches are made dense
    fitted = MLPClassifier(backend=backend, **SETTINGS).fit(rows, y)
    np.testing.assert_allclose(fitted.loss_curve_, expected, rtol=1e-12)


def test_sample_weights_are_routed_through_a_pipeline(digits, backend):
    X, y = digits
    weights = np.where(y < 5, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(backend=backend, **SETTINGS).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        actual = pipeline.fit(X, y, sample_weight=weights).predict_proba(X)
    expected = MLPClassifier(backend=backend, **SETTINGS).fit(StandardScaler().fit_transform(X), y, weights)
    np.testing.assert_array_equal(actual, expected.predict_proba(StandardScaler().fit_transform(X)))
    assert (actual.argmax(axis=1) < 5).all()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["classifier", "regressor"])
def test_verbose_prints_what_scikit_learn_prints(ours, theirs, backend, capsys):
    X, y = problem("binary")
    printed = []
    for model in (ours(backend=backend), theirs()):
        for verbose in (True, 1, 2, 10):
            model.set_params(verbose=verbose, early_stopping=True, **SETTINGS).fit(X, y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != ""
    assert printed[0].count("Iteration 1,") == 4


@each_estimator
def test_a_bar_is_shown_where_one_is_asked_for_beside_lines_if_those_are_too(estimator, backend, capsys):
    X, y = problem("binary")
    model = estimator(backend=backend, progress_bar=True, early_stopping=True, **(SETTINGS | {"max_iter": 3}))
    for verbose in (False, True):
        model.set_params(verbose=verbose).fit(X, y)
        printed = capsys.readouterr().out
        assert re.search(r"epoch .*3/3 .*loss \d.*, validation score -?\d", printed)
        assert ("Iteration" in printed) == verbose


@each_estimator
def test_a_fit_without_trouble_warns_of_nothing(estimator, backend):
    X, y = problem("binary")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator(backend=backend, tol=0.1, **(SETTINGS | {"max_iter": 300})).fit(X, y)


def test_scores_of_a_regressor_are_those_of_scikit_learn(backend):
    X, y = problem("two outputs")
    models = MLPRegressor(backend=backend, **SETTINGS), sklearn.neural_network.MLPRegressor(**SETTINGS)
    np.testing.assert_allclose(*[cross_val_score(make_pipeline(StandardScaler(), model), X, y) for model in models])

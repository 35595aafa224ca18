"""The contract of scikit-learn's estimators: parameters, attributes, input; and what its sister modules share."""

import copy
import inspect
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression

import fastnet

# The tests of estimators that take `backend` run once for each.
BACKENDS = ["numpy", "numba"]

PAIRS = [
    (fastnet.MLPClassifier, sklearn.neural_network.MLPClassifier),
    (fastnet.MLPRegressor, sklearn.neural_network.MLPRegressor),
]
OURS = [ours for ours, _ in PAIRS]
SPARSE = [scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, scipy.sparse.csr_array, scipy.sparse.csc_array]
PROBLEMS = ["binary", "multiclass", "multilabel", "one output", "two outputs", "poisson"]

each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_pair = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["classifier", "regressor"])
each_estimator = pytest.mark.parametrize("estimator", OURS, ids=lambda estimator: estimator.__name__)


def problem(kind, n_samples=90):
    """Data of one of the PROBLEMS, of 7 features."""
    settings = {"n_samples": n_samples, "n_features": 7, "random_state": 0}
    if kind == "binary":
        return make_classification(n_informative=5, **settings)
    if kind == "multiclass":
        X, y = make_classification(n_informative=5, n_classes=4, **settings)
        return X, np.array(["ash", "elm", "fir", "oak"])[y]
    if kind == "multilabel":
        X, y = make_multilabel_classification(n_classes=3, **settings)
        return X / 10, y
    X, y = make_regression(n_targets=2 if kind == "two outputs" else 1, noise=1.0, **settings)
    return (X / 2, np.floor(np.exp(y / 200))) if kind == "poisson" else (X, y / 100)


def need_weights_and_poisson():
    """Skip what compares with a scikit-learn that is too old for it."""
    if "sample_weight" not in inspect.signature(sklearn.neural_network.MLPRegressor.fit).parameters:
        pytest.skip("the networks of this scikit-learn take neither weights of samples nor Poisson's loss")


def pair_for(kind):
    """Our and scikit-learn's estimator for one of the PROBLEMS."""
    return PAIRS[PROBLEMS.index(kind) >= 3]


@each_pair
def test_parameters_of_scikit_learn_come_first_with_its_names_order_kinds_and_defaults(ours, theirs):
    need_weights_and_poisson()
    signatures = [inspect.signature(estimator).parameters.values() for estimator in (ours, theirs)]
    actual, expected = ([(part.name, part.kind, part.default) for part in signature] for signature in signatures)
    assert actual[: len(expected)] == expected


@each_pair
def test_additions_are_keywords_with_immutable_defaults(ours, theirs):
    need_weights_and_poisson()
    own = inspect.signature(ours).parameters
    for name in own.keys() - inspect.signature(theirs).parameters.keys():
        assert own[name].kind is inspect.Parameter.KEYWORD_ONLY
        hash(own[name].default)
    assert set(ours().get_params()) == set(own)


@each_pair
def test_methods_take_the_arguments_of_scikit_learn(ours, theirs):
    need_weights_and_poisson()
    for method in ("partial_fit", "predict", "score"):
        actual, expected = (inspect.signature(getattr(estimator, method)) for estimator in (ours, theirs))
        assert actual.parameters.keys() == expected.parameters.keys(), method
    fit = list(inspect.signature(ours.fit).parameters.values())
    assert [parameter.name for parameter in fit[:4]] == ["self", "X", "y", "sample_weight"]
    assert {parameter.kind for parameter in fit[4:]} == {inspect.Parameter.KEYWORD_ONLY}


@each_pair
def test_tags_are_those_of_scikit_learn(ours, theirs):
    actual, expected = ours().__sklearn_tags__(), theirs().__sklearn_tags__()
    expected.input_tags.sparse = True  # which it takes in every release, even in those whose tags deny it
    for part in (
        "estimator_type",
        "target_tags",
        "classifier_tags",
        "regressor_tags",
        "input_tags",
        "non_deterministic",
    ):
        assert getattr(actual, part) == getattr(expected, part), part
    assert not hasattr(ours, "decision_function")


@each_estimator
def test_partial_fit_is_there_for_stochastic_solvers_only(estimator):
    assert all(hasattr(estimator(solver=solver), "partial_fit") for solver in ("sgd", "adam", "adamw"))
    assert not hasattr(estimator(solver="lbfgs"), "partial_fit")


@each_estimator
@each_backend
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_input_of_any_layout_and_type_gives_one_model(estimator, backend):
    rng = np.random.default_rng(0)
    X, y = rng.integers(-3, 4, (60, 5)), rng.integers(0, 2, 60)
    forms = [X, X.astype(float), np.asfortranarray(X, float), X.tolist(), np.repeat(X, 2, axis=1)[:, ::2]]
    forms += [convert(X.astype(float)) for convert in SPARSE]
    models = [estimator(random_state=0, max_iter=3, backend=backend).fit(form, y) for form in forms]
    for model, form in zip(models[1:], forms[1:], strict=True):
        np.testing.assert_allclose(model.predict(form), models[0].predict(X), rtol=1e-9)
        np.testing.assert_allclose(model.coefs_[0], models[0].coefs_[0], rtol=1e-9)


@each_backend
@pytest.mark.parametrize("convert", SPARSE, ids=lambda convert: convert.__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse_labels_get_sparse_answers(convert, backend):
    X, y = problem("multilabel")
    ours, theirs = pair_for("multilabel")
    settings = {"max_iter": 3, "random_state": 0}
    actual = ours(backend=backend, **settings).fit(X, convert(y)).predict(X)
    expected = theirs(**settings).fit(X, convert(y)).predict(X)
    assert (type(actual), actual.dtype) == (type(expected), expected.dtype)
    np.testing.assert_array_equal(actual.toarray(), expected.toarray())


@each_estimator
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_layers_put_in_the_place_of_others_are_trained_on_and_kept(estimator):
    X, y = problem("binary")
    fitted, other = (estimator(random_state=seed, max_iter=2, backend="numpy").fit(X, y) for seed in (0, 1))
    expected, actual = copy.deepcopy(fitted), copy.deepcopy(fitted)
    for own, new in zip(expected.coefs_ + expected.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        own[...] = new
    actual.coefs_, actual.intercepts_ = other.coefs_, other.intercepts_
    np.testing.assert_array_equal(actual.predict(X), expected.predict(X))
    actual = pickle.loads(pickle.dumps(actual))
    np.testing.assert_array_equal(actual.predict(X), expected.predict(X))
    before = other.coefs_[0].copy()
    for model in (actual, expected):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(actual.coefs_[0], expected.coefs_[0])
    np.testing.assert_array_equal(other.coefs_[0], before)


@each_estimator
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_model_in_memory_that_is_read_only_learns_on(estimator, tmp_path):
    X, y = problem("binary")
    model = estimator(random_state=0, max_iter=2, backend="numpy").fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.partial_fit(X, y).coefs_[0], model.partial_fit(X, y).coefs_[0])


@each_estimator
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_number_weighs_all_samples(estimator):
    X, y = problem("binary")
    settings = {"max_iter": 2, "random_state": 0, "backend": "numpy"}
    actual, expected = (estimator(**settings).fit(X, y, weights) for weights in (2.0, np.full(90, 2.0)))
    np.testing.assert_array_equal(actual.coefs_[0], expected.coefs_[0])

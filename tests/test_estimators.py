"""The contract of scikit-learn's estimators: parameters, attributes, errors; and what its sister modules share."""

import inspect
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import fastnet

# The tests of estimators that take `backend` run once for each.
# Interpreted kernels are slow, and test_estimators_backends.py holds them to the reference.
BACKENDS = ["numpy", "numba"]

PAIRS = [
    (fastnet.MLPClassifier, sklearn.neural_network.MLPClassifier),
    (fastnet.MLPRegressor, sklearn.neural_network.MLPRegressor),
]
OURS = [ours for ours, _ in PAIRS]
SPARSE = [scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, scipy.sparse.csr_array, scipy.sparse.csc_array]
PROBLEMS = ["binary", "multiclass", "multilabel", "one output", "two outputs", "poisson"]

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
    predict_other_features, fit_to_nan, fit_to_too_few_targets, fit_to_words, overflow,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning")
@each_pair
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_raises_what_it_raises_in_scikit_learn(ours, theirs, backend, mistake):
    X, y = problem("binary")
    settings = {"hidden_layer_sizes": 3, "activation": "identity", "max_iter": 2, "random_state": 0}
    with pytest.raises((ValueError, NotFittedError)) as expected:
        mistake(theirs(**settings), X, y)
    with pytest.raises(type(expected.value)) as actual:
        mistake(ours(**settings, backend=backend), X, y)
    assert str(actual.value) == str(expected.value)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("backend", BACKENDS)
def test_classes_that_appear_late_are_refused_as_in_scikit_learn(backend):
    X, y = problem("multiclass")
    for settings, first, then in [
        ({"warm_start": True}, lambda model: model.fit(X[y != "oak"], y[y != "oak"]), lambda model: model.fit(X, y)),
        ({}, lambda model: model.partial_fit(X, y, classes=np.unique(y)), lambda model: model.partial_fit(X, y + "s")),
        ({}, lambda model: model, lambda model: model.partial_fit(X, y)),
    ]:
        messages = []
        for model in (fastnet.MLPClassifier(backend=backend), sklearn.neural_network.MLPClassifier()):
            first(model.set_params(max_iter=1, **settings))
            with pytest.raises(ValueError, match="class") as caught:
                then(model)
            messages.append(str(caught.value).replace("`", "'"))
        assert messages[0] == messages[1]


@each_estimator
def test_partial_fit_is_there_for_stochastic_solvers_only(estimator):
    assert all(hasattr(estimator(solver=solver), "partial_fit") for solver in ("sgd", "adam", "adamw"))
    assert not hasattr(estimator(solver="lbfgs"), "partial_fit")


@each_estimator
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("weights", [np.zeros(90), np.ones(89), -np.ones(90), np.full(90, np.nan), np.ones((90, 2))])
def test_weights_that_cannot_be_used_are_refused_by_name(estimator, weights, backend):
    X, y = problem("binary")
    with pytest.raises(ValueError, match="sample_weight"):
        estimator(backend=backend).fit(X, y, sample_weight=weights)


@each_pair
@pytest.mark.parametrize("backend", BACKENDS)
def test_warnings_are_those_of_scikit_learn(ours, theirs, backend):
    X, y = problem("binary")
    for settings in ({"max_iter": 2}, {"max_iter": 2, "batch_size": 500}, {"max_iter": 3, "solver": "lbfgs"}):
        messages = []
        for estimator in (ours(backend=backend, **settings), theirs(**settings)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                estimator.fit(X, y)
            # the advice after the first line differs from one release to the next
            messages.append([(warning.category, str(warning.message).splitlines()[0]) for warning in caught])
        assert messages[0] == messages[1]
        assert ConvergenceWarning in [category for category, _ in messages[0]]


@each_estimator
@pytest.mark.parametrize("backend", BACKENDS)
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


@pytest.mark.parametrize("backend", BACKENDS)
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

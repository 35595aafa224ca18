"""Weights that were not fitted here: set by hand, of other dtypes and sizes, with as much of the state as there is."""

import copy
import pickle

import numpy as np
import pytest
import sklearn.neural_network
from estimators.test_base import BACKENDS, OURS, PAIRS, each_backend, each_estimator, each_pair, pair_for, problem
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import LabelBinarizer

import fastnet
from fastnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = ["binary", "multiclass", "multilabel", "one output", "two outputs"]
STATE = ("n_features_in_", "n_outputs_", "n_layers_", "out_activation_", "_label_binarizer", "classes_")
METHODS = ("predict", "predict_proba", "predict_log_proba", "score", "transform")
SETTINGS = {"hidden_layer_sizes": (6, 5), "activation": "tanh", "random_state": 0, "max_iter": 3}


def by_hand(kind, state, backend="numpy", **settings):
    """Return scikit-learn's fitted model, and one of ours that has its weights, and some of its state."""
    X, y = problem(kind)
    ours, theirs = pair_for(kind)
    fitted = theirs(**SETTINGS, solver="sgd").fit(X, y)
    model = ours(**SETTINGS, solver="sgd", backend=backend, **settings)
    model.coefs_, model.intercepts_ = [W.copy() for W in fitted.coefs_], [b.copy() for b in fitted.intercepts_]
    for name in state:
        if hasattr(fitted, name):
            setattr(model, name, getattr(fitted, name))
    return model, fitted, X, y


def assert_same_answers(actual, expected, X, y):
    for method in METHODS:
        if hasattr(expected, method):
            data = (X, y) if method == "score" else (X,)
            answers = [getattr(model, method)(*data) for model in (actual, expected)]
            if isinstance(answers[1], np.ndarray) and answers[1].dtype.kind == "U":
                np.testing.assert_array_equal(*answers)
            else:
                np.testing.assert_allclose(*answers, rtol=1e-9, atol=1e-12, err_msg=method)


@each_backend
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", [STATE, STATE[:-1], STATE[:3] + STATE[4:], STATE[3:4] + STATE[5:]], ids=len)
def test_predictions_are_those_of_scikit_learn(kind, state, backend):
    model, expected, X, y = by_hand(kind, state, backend)
    before = set(vars(model))
    assert_same_answers(model, expected, X, y)
    assert_same_answers(pickle.loads(pickle.dumps(model)), expected, X, y)
    assert set(vars(copy.deepcopy(model))) == before, "predictions add nothing to what was set"


@pytest.mark.parametrize("kind", ["binary", "multiclass", "one output", "two outputs"])
def test_weights_and_names_of_classes_are_enough(kind):
    model, expected, X, y = by_hand(kind, ("classes_",))
    assert_same_answers(model, expected, X, y)
    to_model = model.to_model().network
    np.testing.assert_array_equal(to_model.weights[0], expected.coefs_[0])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_probabilities_need_no_names_of_classes_and_answers_do(kind):
    model, expected, X, _ = by_hand(kind, ("out_activation_",))
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=1e-9)
    with pytest.raises(NotFittedError, match="classes_ must be set"):
        model.predict(X)
    model.classes_ = ["only one"]
    with pytest.raises(ValueError, match=r"classes_ must name the classes of . outputs, got 1"):
        model.predict(X)


def test_classes_in_another_order_are_refused():
    model, _, X, _ = by_hand("binary", ())
    model.classes_ = np.array(["yes", "no"])
    with pytest.raises(ValueError, match="classes_ must be in ascending order"):
        model.predict(X)


@each_backend
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["partial_fit", "fit"])
def test_training_goes_on_from_them_as_in_scikit_learn(kind, first, backend):
    model, fitted, X, y = by_hand(kind, STATE, backend, warm_start=first == "fit")
    fitted = copy.deepcopy(fitted).set_params(warm_start=first == "fit")
    del fitted._optimizer  # which scikit-learn keeps, and ours has none to keep
    for one in (model, fitted):
        getattr(one, first)(X, y)
    assert model.t_ == (len(X) if first == "partial_fit" else 3 * len(X))
    assert_same_answers(model, fitted, X, y)


@each_backend
def test_private_state_set_by_hand_is_gone_on_from(backend):
    model, _, X, y = by_hand("multiclass", STATE, backend)
    model.t_, model.n_iter_, model.loss_curve_, model._no_improvement_count, model.best_loss_ = 7, 5, [3.0], 2, -1.0
    model.partial_fit(X, y)
    assert (model.t_, model.n_iter_, len(model.loss_curve_), model._no_improvement_count) == (97, 1, 2, 3)
    assert (model.best_loss_, model.validation_scores_) == (-1.0, None)


@each_backend
def test_a_classifier_by_hand_learns_classes_in_partial_fit(backend):
    X, y = problem("multiclass")
    model = MLPClassifier(backend=backend, **SETTINGS)
    rng = np.random.default_rng(0)
    model.coefs_ = [rng.normal(size=shape).tolist() for shape in ((7, 3), (3, 4))]
    model.intercepts_ = [[0.0] * 3, [0.0] * 4]
    model.partial_fit(X, y, classes=np.unique(y))
    assert [W.shape for W in model.coefs_] == [(7, 3), (3, 4)], "the weights count, not hidden_layer_sizes"
    assert set(model.predict(X)) <= set(y)


@each_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_weights_of_any_dtype_compute_in_single_precision_only_if_all_have_it(dtype, backend):
    model = MLPRegressor(hidden_layer_sizes=(2,), backend=backend)
    model.coefs_, model.intercepts_ = [np.array([[1, -1]], dtype), np.array([[2], [3]], dtype)], [np.zeros(2, dtype)]
    model.intercepts_.append(np.zeros(1, dtype))
    actual = model.predict(np.array([[1.0], [-1.0]], dtype=np.float32))
    np.testing.assert_array_equal(actual, [2, 3])
    assert actual.dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert model.set_params(dtype="float32").predict([[1.0]]).dtype == np.float32


@each_backend
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_optimizer_goes_on_with_weights_of_another_dtype_and_begins_anew_with_others(solver, backend):
    X, y = problem("one output")
    model = MLPRegressor(backend=backend, **(SETTINGS | {"solver": solver})).fit(X.astype(np.float32), y)
    model.coefs_ = [W.astype(np.float64) for W in model.coefs_]
    model.partial_fit(X, y)
    assert {W.dtype for W in model.coefs_} == {np.dtype(np.float64)}
    model.coefs_, model.intercepts_ = [np.ones((7, 2)), np.ones((2, 1))], [np.zeros(2), np.zeros(1)]
    model.partial_fit(X, y)
    alone = clone(model)
    alone.coefs_, alone.intercepts_ = [np.ones((7, 2)), np.ones((2, 1))], [np.zeros(2), np.zeros(1)]
    np.testing.assert_array_equal(alone.partial_fit(X, y).coefs_[0], model.coefs_[0])


@each_backend
def test_the_activation_of_a_regressors_outputs_may_be_set(backend):
    X, y = problem("one output")
    ours, theirs = (model(**SETTINGS).fit(X, y) for model in PAIRS[1])
    ours.set_params(backend=backend)
    for name in ("tanh", "logistic", "relu", "exp", "softmax", "identity"):
        ours.out_activation_ = theirs.out_activation_ = name
        if name != "exp" or "exp" in vars(sklearn.neural_network._base)["ACTIVATIONS"]:
            np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9, err_msg=name)
        if name != "identity":
            with pytest.raises(ValueError, match="out_activation_ must be 'identity' to go on training"):
                ours.partial_fit(X, y)
            with pytest.raises(ValueError, match="out_activation_ must be 'identity' in a Model"):
                ours.to_model()
    ours.out_activation_ = "step"
    with pytest.raises(ValueError, match=r"out_activation_ must be .*, got 'step'"):
        ours.predict(X)


BAD_LAYERS = [
    ([np.ones((7, 2))], [np.ones(2), np.ones(1)], "as many arrays, got 1 and 2"),
    ([], [], "as many arrays, got 0 and 0"),
    ([np.ones((7, 2)), np.ones((3, 1))], [np.ones(2), np.ones(1)], r"coefs_\[1\] must have shape \(2, 1\)"),
    ([np.ones(7), np.ones((1, 1))], [np.ones(1), np.ones(1)], r"coefs_\[0\] must have shape \(n_features, 1\)"),
    ([np.ones((7, 2)), np.ones((2, 1))], [np.ones(3), np.ones(1)], r"coefs_\[0\] must have shape \(n_features, 3\)"),
    ([np.full((7, 1), "a")], [np.ones(1)], r"coefs_\[0\] and intercepts_\[0\] must be numbers, got <U1"),
    ([np.full((7, 1), 1e39)], [np.ones(1)], "coefs_ and intercepts_ must lie within the range of float32"),
]


@each_estimator
@pytest.mark.parametrize(("coefs", "intercepts", "message"), BAD_LAYERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_layers_that_are_no_network_are_refused_by_name(estimator, coefs, intercepts, message, backend):
    X, y = problem("binary")
    model = estimator(hidden_layer_sizes=(), backend=backend, dtype="float32", warm_start=True)
    model.coefs_, model.intercepts_, model.classes_ = coefs, intercepts, np.array([0, 1])
    for act in (lambda: model.predict(X), lambda: model.fit(X, y), model.to_model):
        with pytest.raises((ValueError, TypeError), match=message):
            act()


@each_estimator
def test_data_of_other_sizes_than_the_weights_are_refused(estimator):
    X, y = problem("binary")
    model = estimator(warm_start=True, backend="numpy")
    model.coefs_, model.intercepts_, model.classes_ = [np.ones((3, 1))], [np.ones(1)], np.array([0, 1])
    with pytest.raises(ValueError, match="X has 7 features, but the network takes 3"):
        model.predict(X)
    with pytest.raises(ValueError, match=r"X and y must have 3 features and 1 outputs, .* got 7 and 1"):
        model.fit(X, y)
    several = "X and y must have 3 features and 1 outputs, .* got 3 and 2|not fitted with multilabel"
    with pytest.raises(ValueError, match=several):
        model.fit(X[:, :3], np.column_stack([y, 1 - y]))


@pytest.mark.parametrize("estimator", OURS)
@pytest.mark.parametrize("there", ["coefs_", "intercepts_", "classes_", None])
def test_half_a_model_is_not_fitted(estimator, there):
    model = estimator()
    if there is not None:
        setattr(model, there, [np.ones((1, 1))])
    with pytest.raises(NotFittedError):
        model.predict([[1.0]])


@each_backend
@pytest.mark.parametrize("kind", [*KINDS, "poisson"])
def test_the_private_loss_and_gradient_are_those_of_scikit_learn(kind, backend):
    X, y = problem(kind)
    settings = SETTINGS | {"solver": "lbfgs", "alpha": 0.5} | ({"loss": "poisson"} if kind == "poisson" else {})
    ours, theirs = (model(**settings).fit(X, y) for model in pair_for(kind))
    ours.set_params(backend=backend)
    targets = LabelBinarizer().fit_transform(y) if isinstance(ours, MLPClassifier) else y.reshape(len(y), -1)
    packed = np.concatenate([part.ravel() for part in (*theirs.coefs_, *theirs.intercepts_)]) + 0.1
    sizes = [7, 6, 5, theirs.n_outputs_]
    work = [X, *(np.empty((len(X), size)) for size in sizes[1:])], [None] * 3, [None] * 3, [None] * 3
    for weights in (None, np.random.default_rng(0).uniform(0, 2, len(y))):
        (loss, gradient), (expected_loss, expected) = (
            model._loss_grad_lbfgs(packed, X, targets, weights, *work) for model in (ours, theirs)
        )
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-9)
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(ours.coefs_[0], packed[:42].reshape(7, 6))
    with pytest.raises(ValueError, match=r"packed_coef_inter must be .* weights and .* biases"):
        ours._loss_grad_lbfgs(packed[1:], X, targets)


def test_a_softmax_takes_one_class_a_row():
    X, y = problem("multiclass")
    model = MLPClassifier(backend="numpy", **SETTINGS).fit(X, y)
    packed = np.concatenate([part.ravel() for part in (*model.coefs_, *model.intercepts_)])
    with pytest.raises(ValueError, match="y must have a single 1 in each row"):
        model._loss_grad_lbfgs(packed, X, np.ones((len(y), 4)))


@each_pair
@pytest.mark.parametrize("settings", [
    {"solver": "sgd"}, {"solver": "sgd", "learning_rate": "invscaling"}, {"solver": "adam"},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
], ids=str)  # fmt: skip
def test_the_optimizers_rate_is_that_of_scikit_learn_and_may_be_set(ours, theirs, settings):
    X, y = problem("binary")
    seen = []
    for model in (ours(backend="numpy", **(SETTINGS | settings)), theirs(**(SETTINGS | settings))):
        rates = [model.fit(X, y)._optimizer.learning_rate]
        for epoch in range(4):
            if epoch == 2:
                model._optimizer.learning_rate = model._optimizer.learning_rate_init = 0.01
            rates.append(model.partial_fit(X, y)._optimizer.learning_rate)
        seen.append((rates, model.coefs_[0]))
    np.testing.assert_allclose(seen[0][0], seen[1][0], rtol=1e-12)
    np.testing.assert_allclose(seen[0][1], seen[1][1], rtol=1e-9)
    assert seen[0][0][-1] != seen[0][0][1]
    model = ours(backend="numpy", **SETTINGS).fit(X, y)
    with pytest.raises(ValueError, match="learning_rate must be positive"):
        model._optimizer.learning_rate = 0.0


@each_pair
def test_the_rate_during_a_fit_is_that_of_the_next_epoch(ours, theirs):
    X, y = problem("binary")
    settings = SETTINGS | {"solver": "sgd", "learning_rate": "invscaling", "max_iter": 4}
    during, rates = [], []
    model = ours(backend="numpy", **settings)
    model.set_params(callbacks=(lambda epoch: during.append(model._optimizer.learning_rate),)).fit(X, y)
    for n_epochs in range(1, 5):
        rates.append(theirs(**(settings | {"max_iter": n_epochs})).fit(X, y)._optimizer.learning_rate)
    np.testing.assert_allclose(during, rates, rtol=1e-12)


@each_backend
def test_labels_as_probable_as_each_other_are_so_by_their_logarithms(backend):
    model = fastnet.MLPClassifier(hidden_layer_sizes=(), backend=backend)
    model.coefs_, model.intercepts_ = [np.array([[40.0, 300.0, 45.0, -800.0, 0.3]])], [np.zeros(5)]
    model.out_activation_ = "logistic"
    (probs,), (logs,) = model.predict_proba([[1.0]]), model.predict_log_proba([[1.0]])
    assert probs.argmax() == logs.argmax() == 0
    np.testing.assert_allclose(logs[probs > 0], np.log(probs[probs > 0]))
    assert logs[3] == -800.0, "an underflow leaves no trace"


def test_a_backend_that_is_set_after_the_fit_is_checked():
    model = fastnet.MLPRegressor(backend="numpy", max_iter=1, early_stopping=False).set_params(solver="lbfgs")
    model.fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]).set_params(backend="fast")
    with pytest.raises(ValueError, match="backend must be"):
        model.predict([[1.0]])

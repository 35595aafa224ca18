"""The numbers of scikit-learn: the same seed, settings and data give the same curve, weights and predictions."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse
from estimators.test_base import BACKENDS, PROBLEMS, each_backend, need_weights_and_poisson, pair_for, problem
from sklearn.exceptions import ConvergenceWarning
from tiers import tiered

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# The reference is held to all numbers of scikit-learn's, and the kernels to those of the reference
# (tests/estimators/test_base_backends.py), so that some of scikit-learn's are enough for them with every change.

EPOCHS = 20
SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
}
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
# a large tol makes the adaptive policy divide the rate, and invscaling go on for long enough to matter
POLICIES = {
    "constant": {},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"learning_rate": "adaptive", "tol": 0.03, "n_iter_no_change": 2},
}


def plain(model, X, y, weights):
    return model.fit(X, y)


def weighted(model, X, y, weights):
    return model.fit(X, y, sample_weight=weights)


def stopping_early(model, X, y, weights):
    return model.set_params(early_stopping=True, validation_fraction=0.2, n_iter_no_change=4).fit(X, y)


def stopping_early_weighted(model, X, y, weights):
    return model.set_params(early_stopping=True, validation_fraction=0.3).fit(X, y, sample_weight=weights)


def warm(model, X, y, weights):
    model.set_params(warm_start=True, max_iter=EPOCHS // 2).fit(X, y)
    return model.fit(X[::-1], y[::-1])


def partial(model, X, y, weights):
    labels = np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])
    classes = {"classes": labels} if hasattr(model, "predict_proba") else {}
    for step in range(EPOCHS):
        part = slice(None) if step % 3 else slice(0, 50)
        model.partial_fit(X[part], y[part], weights[part] if step % 4 else None, **(classes if step == 0 else {}))
    return model


def in_order(model, X, y, weights):
    return model.set_params(shuffle=False).fit(X, y)


def in_one_batch(model, X, y, weights):
    return model.set_params(batch_size="auto").fit(X, y)


def sparse(model, X, y, weights):
    return model.fit(scipy.sparse.csr_array(np.where(np.abs(X) < 0.3, 0, X)), y)


WAYS = [
    plain, weighted, stopping_early, stopping_early_weighted, warm, partial, in_order, in_one_batch, sparse
]  # fmt: skip


def cases():
    """Every way to fit every problem; the strides are such that the other settings meet in every combination."""
    for k, (kind, way) in enumerate(itertools.product(PROBLEMS, WAYS)):
        activation, policy = ACTIVATIONS[(k // 9 + k // 2) % 4], list(POLICIES)[(k // 10 + k) % 3]
        yield kind, way, list(SOLVERS)[k % 4], activation, policy


CASES = list(cases())


def fit_both(kind, way, backend, **settings):
    """Our model and scikit-learn's, fitted in one way, and the data."""
    X, y = problem(kind)
    if kind == "poisson":
        settings["loss"] = "poisson"
    settings = {
        "hidden_layer_sizes": (6, 5),
        "batch_size": 32,
        "max_iter": EPOCHS,
        "random_state": 3,
        "alpha": 0.1,
    } | settings
    weights = np.random.default_rng(1).uniform(0.0, 3.0, len(y))
    ours, theirs = pair_for(kind)
    try:
        expected = way(theirs(**settings), X, y, weights)
    except TypeError:  # of one without weights, Poisson's loss, or scores of classes that have names
        need_weights_and_poisson()
        raise
    return way(ours(backend=backend, **settings), X, y, weights), expected, X


def assert_same_model(actual, expected, X, rtol=1e-6):
    """Compare what fit leaves behind, of order one; what came out near zero is held to rtol / 100."""
    tolerance = {"rtol": rtol, "atol": rtol / 100}
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(actual, name) == getattr(expected, name), name
    for name in ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        assert hasattr(actual, name) == hasattr(expected, name), name
        wanted = getattr(expected, name, None)
        if wanted is None:
            assert getattr(actual, name, None) is None, name
        else:
            np.testing.assert_allclose(getattr(actual, name), wanted, err_msg=name, **tolerance)
    for name in ("coefs_", "intercepts_"):
        for own, other in zip(getattr(actual, name), getattr(expected, name), strict=True):
            assert (own.shape, own.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(own, other, err_msg=name, **tolerance)
    if hasattr(expected, "predict_proba"):
        np.testing.assert_allclose(actual.predict_proba(X), expected.predict_proba(X), **tolerance)
        np.testing.assert_allclose(
            actual.predict_log_proba(X), expected.predict_log_proba(X), rtol=10 * rtol, atol=rtol
        )
        np.testing.assert_array_equal(actual.predict(X), expected.predict(X))
    else:
        np.testing.assert_allclose(actual.predict(X), expected.predict(X), **tolerance)


@tiered(
    ("backend", "kind", "way", "solver", "activation", "policy"),
    [(backend, *case) for case in CASES for backend in BACKENDS],
    lambda backend, kind, way, *_: (
        backend == "numpy" or (kind == "binary" and way in (plain, partial, stopping_early_weighted, sparse))
    ),
)
def test_training_follows_scikit_learn(kind, way, solver, activation, policy, backend):
    settings = {"activation": activation} | SOLVERS[solver] | POLICIES[policy]
    actual, expected, X = fit_both(kind, way, backend, **settings)
    assert_same_model(actual, expected, X)


def test_cases_hold_every_pair_of_settings():
    kinds = [PROBLEMS, WAYS, SOLVERS, ACTIVATIONS, POLICIES]
    for first, second in itertools.combinations(range(len(kinds)), 2):
        held = {(case[first], case[second]) for case in CASES}
        assert held == set(itertools.product(kinds[first], kinds[second]))
    assert {case[2:] for case in CASES} == set(itertools.product(SOLVERS, ACTIVATIONS, POLICIES))


@tiered(
    ("backend", "kind", "way", "activation"),
    itertools.product(BACKENDS, PROBLEMS, [plain, weighted, sparse], ACTIVATIONS),
    lambda backend, kind, way, activation: activation == "tanh" and (backend == "numpy" or way is weighted),
)
def test_lbfgs_follows_scikit_learn(kind, way, activation, backend):
    """The line search multiplies differences of rounding by the curvature it meets: 1e-5 after 8 iterations."""
    settings = {"activation": activation, "solver": "lbfgs", "max_iter": 8}
    actual, expected, X = fit_both(kind, way, backend, **settings)
    assert_same_model(actual, expected, X, rtol=1e-5)


@tiered(
    ("backend", "kind", "way"),
    itertools.product(BACKENDS, PROBLEMS, [plain, stopping_early]),
    lambda backend, kind, way: backend == "numpy" or kind == "two outputs",
)
def test_training_stops_at_the_epoch_where_scikit_learn_stops(kind, way, backend):
    settings = {"max_iter": 300, "tol": 0.01, "n_iter_no_change": 4, "learning_rate_init": 0.01}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        actual, expected, X = fit_both(kind, way, backend, **settings)
    assert 4 < expected.n_iter_ < 300
    assert actual.n_iter_ == expected.n_iter_
    # over some hundred epochs, a difference in the last bit grows by more than over twenty
    assert_same_model(actual, expected, X, rtol=1e-5)


@each_backend
@pytest.mark.parametrize("kind", ["multiclass", "one output"])
def test_the_adaptive_rate_falls_to_its_floor_and_stops_there(kind, backend):
    settings = {"solver": "sgd", "learning_rate": "adaptive", "max_iter": 300, "tol": 0.05, "n_iter_no_change": 1}
    actual, expected, X = fit_both(kind, plain, backend, learning_rate_init=0.02, **settings)
    assert expected.n_iter_ < 300
    assert_same_model(actual, expected, X, rtol=1e-5)


@tiered(
    ("backend", "kind"),
    itertools.product(BACKENDS, PROBLEMS),
    lambda backend, kind: backend == "numpy" or kind == "multiclass",
)
def test_single_precision_follows_scikit_learn_as_far_as_it_carries(kind, backend):
    X, y = problem(kind)
    ours, theirs = pair_for(kind)
    settings = {"hidden_layer_sizes": 6, "activation": "tanh", "batch_size": 32, "max_iter": 5, "random_state": 3}
    actual = ours(backend=backend, **settings).fit(X.astype(np.float32), y)
    expected = theirs(**settings).fit(X.astype(np.float32), y)
    assert {part.dtype for part in actual.coefs_ + actual.intercepts_} == {np.dtype(np.float32)}
    # 15 steps of Adam round weights of order one to eps each, and m / sqrt(v) multiplies that where v is small
    np.testing.assert_allclose(actual.loss_curve_, expected.loss_curve_, rtol=1e-4)
    for own, other in zip(actual.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-3)


@each_backend
def test_a_random_state_is_left_where_scikit_learn_leaves_it(backend):
    X, y = problem("binary")
    drawn = []
    for estimator, settings in zip(pair_for("binary"), ({"backend": backend}, {}), strict=True):
        rng = np.random.RandomState(7)
        estimator(random_state=rng, max_iter=4, early_stopping=True, **settings).fit(X, y)
        drawn.append(rng.uniform())
    assert drawn[0] == drawn[1]


@each_backend
def test_a_single_class_is_scored_and_predicted_as_in_scikit_learn(backend):
    X, _ = problem("binary")
    ours, theirs = pair_for("binary")
    settings = {"early_stopping": True, "max_iter": 3, "random_state": 0}
    models = [ours(backend=backend, **settings).fit(X, np.zeros(90)), theirs(**settings).fit(X, np.zeros(90))]
    assert_same_model(*models, X)


@each_backend
@pytest.mark.parametrize("way", [warm, partial], ids=lambda way: way.__name__)
def test_curves_grow_over_calls_while_iterations_restart(way, backend):
    actual, expected, _ = fit_both("multiclass", way, backend)
    assert len(actual.loss_curve_) == len(expected.loss_curve_) == EPOCHS
    assert actual.n_iter_ == (EPOCHS // 2 if way is warm else 1)
    assert actual.t_ == expected.t_ > 0


@each_backend
def test_another_fit_forgets_the_one_before(backend):
    X, y = problem("multiclass")
    ours, _ = pair_for("multiclass")
    once, twice = (ours(backend=backend, max_iter=4, early_stopping=True, random_state=0) for _ in range(2))
    assert_same_model(twice.fit(X[::2], y[::2]).fit(X, y), once.fit(X, y), X, rtol=0)


@tiered(
    ("backend", "kind", "solver"),
    itertools.product(BACKENDS, PROBLEMS, ["sgd", "adam", "lbfgs"]),
    lambda backend, kind, solver: backend == "numpy" and (solver == "adam" or kind == "multilabel"),
)
def test_fitted_attributes_have_the_names_types_and_shapes_of_scikit_learn(kind, solver, backend):
    (X, y), (ours, theirs) = problem(kind), pair_for(kind)
    settings = {"solver": solver, "max_iter": 3, "random_state": 0}
    if kind == "poisson":
        need_weights_and_poisson()
        settings["loss"] = "poisson"
    actual, expected = ours(backend=backend, **settings).fit(X, y), theirs(**settings).fit(X, y)
    public = {name for name in vars(expected) if name.endswith("_") and not name.startswith("_")}
    assert public <= set(dir(actual))
    for name in ("classes_", "out_activation_", "n_features_in_", "n_layers_", "n_outputs_", "n_iter_", "t_"):
        assert hasattr(actual, name) == hasattr(expected, name)
        np.testing.assert_array_equal(getattr(actual, name, None), getattr(expected, name, None))
    for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        assert hasattr(actual, name) == hasattr(expected, name), name
    assert [W.shape for W in actual.coefs_] == [W.shape for W in expected.coefs_]
    assert [(b.shape, b.dtype) for b in actual.intercepts_] == [(b.shape, b.dtype) for b in expected.intercepts_]
    assert actual.predict(X).dtype == expected.predict(X).dtype

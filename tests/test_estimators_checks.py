"""The checks that scikit-learn holds every estimator against, for several settings of ours; none may fail."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from test_estimators import BACKENDS, OURS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# where a check asks for a good model, a higher rate makes it one in fewer epochs
QUICK = {"max_iter": 30, "learning_rate_init": 0.02}
EXTRAS = {
    "hidden_layer_sizes": (20, 10),
    "activation": ["gelu", "leaky_relu"],
    "solver": "adamw",
    "clip_norm": 5.0,
    "learning_rate": "cosine",
}
OF_EACH = [{"label_smoothing": 0.05}, {"loss": "huber", "huber_delta": 2.0}]

# a row of weight 2 is two rows, but has one dropout mask
WEIGHTS_AS_REPETITIONS = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}
# these ask for more digits than single precision has, and for no probability that it takes for 0
OF_DOUBLE_PRECISION = WEIGHTS_AS_REPETITIONS | {
    "check_methods_subset_invariance",
    "check_methods_sample_order_invariance",
    "check_classifiers_train",
}
# a part of the samples does not say how many there are of each class
WITH_PARTIAL_FIT = {
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
}


def configurations():
    for estimator, own in zip(OURS, OF_EACH, strict=True):
        for backend in BACKENDS:
            yield estimator(backend=backend, max_iter=100)
            # a probability of exactly 1, and a long search that magnifies rounding, would fail with scikit-learn's too
            yield estimator(backend=backend, solver="lbfgs", alpha=0.1, max_iter=30)
            yield estimator(backend=backend, solver="sgd", **QUICK)
            yield estimator(backend=backend, **(QUICK | EXTRAS | own))
        yield from (estimator(n_threads=n_threads, **QUICK) for n_threads in (1, 2))


def all_but(left_out, estimators=OURS, **settings):
    """Parametrize with the checks of estimators, for both backends, except those left out."""
    checks = [
        pytest.param(model, check, id=f"{estimator.__name__}-{backend}-{check.func.__name__}")
        for estimator in estimators
        for backend in BACKENDS
        for model, check in estimator_checks_generator(estimator(backend=backend, **QUICK, **settings))
        if check.func.__name__ not in left_out
    ]
    return pytest.mark.parametrize(("estimator", "check"), checks)


def with_checks(estimators):
    """Parametrize as scikit-learn does, but with a list, which pytest wants and not every release gives."""
    mark = parametrize_with_checks(estimators)
    return pytest.mark.parametrize(mark.args[0], list(mark.args[1]), **mark.kwargs)


@with_checks(list(configurations()))
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)


@all_but(WEIGHTS_AS_REPETITIONS, dropout=0.1)
def test_the_checks_pass_with_dropout(estimator, check):
    check(estimator)


@all_but(OF_DOUBLE_PRECISION, dtype="float32")
def test_the_checks_pass_in_single_precision(estimator, check):
    check(estimator)


@all_but(WITH_PARTIAL_FIT, OURS[:1], class_weight="balanced")
def test_the_checks_pass_with_balanced_classes(estimator, check):
    check(estimator)

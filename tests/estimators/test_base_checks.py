"""The checks that scikit-learn holds every estimator against, for several settings of ours; none may fail."""

from unittest import SkipTest

import pytest
from estimators.test_base import BACKENDS, OURS
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

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

# what settings can change: a good model, the same one again, of weights and of each dtype, that can be kept
TELLING = {
    "check_classifiers_train",
    "check_regressors_train",
    "check_fit_idempotent",
    "check_sample_weight_equivalence_on_dense_data",
    "check_methods_subset_invariance",
    "check_estimators_dtypes",
    "check_estimators_pickle",
    "check_dict_unchanged",
}

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
    """Yield settings, the backend with which what tells most about them is checked, and the checks left out."""
    for estimator, own in zip(OURS, OF_EACH, strict=True):
        # a probability of exactly 1, and a long search that magnifies rounding, would fail with scikit-learn's too
        yield estimator(solver="lbfgs", alpha=0.1, max_iter=15), "numba", ()
        yield estimator(solver="sgd", **QUICK), "numpy", ()
        yield estimator(**(QUICK | EXTRAS | own)), "numpy", ()
        yield estimator(dropout=0.1, **QUICK), "numpy", WEIGHTS_AS_REPETITIONS
        yield estimator(dtype="float32", **QUICK), "numba", OF_DOUBLE_PRECISION
    yield OURS[0](class_weight="balanced", **QUICK), "numpy", WITH_PARTIAL_FIT


def checks(estimator, left_out, of_every_change):
    """Yield an estimator's checks; those of which `of_every_change` is false are for the night."""
    settings = "".join(str(estimator).split())
    for model, check in estimator_checks_generator(estimator):
        name = check.func.__name__
        if name not in left_out:
            marks = () if of_every_change(name) else pytest.mark.exhaustive
            yield pytest.param(model, check, marks=marks, id=f"{settings}-{name}")


def all_checks():
    for estimator in OURS:
        yield from checks(estimator(max_iter=100), (), lambda name: True)
        yield from checks(estimator(max_iter=100, backend="numpy"), (), TELLING.__contains__)
        yield from checks(estimator(n_threads=2, **QUICK), (), lambda name: False)
    for settings, often, left_out in configurations():
        for backend in BACKENDS:
            estimator = clone(settings).set_params(backend=backend)
            yield from checks(estimator, left_out, TELLING.__contains__ if backend == often else lambda name: False)


@pytest.mark.parametrize(("estimator", "check"), list(all_checks()))
def test_every_check_of_scikit_learn_passes(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        if "does not have a decision_function method" not in str(reason):
            pytest.fail(f"not checked for want of a package or a setting: {reason}")

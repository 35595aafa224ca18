"""The checks that scikit-learn holds every estimator against, for several settings of ours; none may fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_estimators import BACKENDS, OURS

# scikit-learn checks its own with 100 epochs; models that must be good get as many steps from a higher rate here
QUICK = {"max_iter": 30, "learning_rate_init": 0.02}
EXTRAS = {
    "hidden_layer_sizes": (20, 10),
    "activation": ["gelu", "leaky_relu"],
    "solver": "adamw",
    "dropout": 0.05,
    "clip_norm": 5.0,
    "learning_rate": "cosine",
}
CLASSIFIER_EXTRAS = {"class_weight": "balanced", "label_smoothing": 0.05}
REGRESSOR_EXTRAS = {"loss": "huber", "huber_delta": 2.0}


def configurations():
    for estimator in OURS:
        own = CLASSIFIER_EXTRAS if estimator is OURS[0] else REGRESSOR_EXTRAS
        for backend in BACKENDS:
            yield estimator(backend=backend, max_iter=100)
            yield estimator(backend=backend, solver="lbfgs")
            yield estimator(backend=backend, solver="sgd", **QUICK)
            yield estimator(backend=backend, **(QUICK | EXTRAS | own))
        yield from (estimator(n_threads=n_threads, **QUICK) for n_threads in (1, 2))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(list(configurations()))
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)

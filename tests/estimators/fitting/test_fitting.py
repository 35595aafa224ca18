"""What the estimators add to the course of training: schedules, validation data, scores, callbacks, time limits."""

import itertools

import numpy as np
import pytest
from estimators.test_base import BACKENDS, OURS, each_backend, each_estimator, problem
from sklearn.metrics import accuracy_score, check_scoring, get_scorer, log_loss, make_scorer
from tiers import tiered

from fastnet import MLPClassifier, MLPRegressor
from fastnet.training.callbacks import Callback, Record

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 12, "learning_rate_init": 0.02, "batch_size": 32, "random_state": 0}
RATE, EPOCHS = 0.05, 40  # a rate that leaves predictions far below the targets, by growth of (1 + rate) an epoch


class Watch(Callback):
    """Keep what a function of the model gives after each epoch."""

    def __init__(self, look):
        self.look, self.seen = look, []

    def on_epoch_end(self, model, epoch):
        self.seen.append(self.look(model))


def rates(backend, **settings):
    """Learning rates of 40 epochs of one step each: the way of the last bias under a gradient that is always -1."""
    X, y = np.linspace(-1, 1, 20)[:, None], np.full(20, 1e6)
    plain = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "loss": "absolute_error", "learning_rate_init": RATE}
    plain |= {"hidden_layer_sizes": 1, "activation": "identity", "random_state": 0, "backend": backend}
    first = MLPRegressor(**plain, max_iter=1).fit(X, y).intercepts_[-1][0] - RATE
    watch, record = Watch(lambda model: model.intercepts_[-1][0]), Record()
    limits = {"max_iter": EPOCHS, "tol": 0.0, "callbacks": (watch, record)}
    MLPRegressor(**(plain | limits | settings)).fit(X, y)
    actual = np.diff(watch.seen, prepend=first)
    np.testing.assert_allclose([epoch.learning_rate for epoch in record.epochs], actual, atol=1e-12)
    return actual


@each_backend
def test_a_constant_rate_is_constant(backend):
    np.testing.assert_allclose(rates(backend), np.full(EPOCHS, RATE))


@each_backend
def test_inverse_scaling_is_that_of_scikit_learn(backend):
    seen = np.arange(EPOCHS) * 20
    np.testing.assert_allclose(rates(backend, learning_rate="invscaling"), RATE / np.sqrt(seen + 1))


@each_backend
def test_a_cosine_falls_from_the_rate_to_nothing(backend):
    wave = 0.5 * RATE * (1 + np.cos(np.linspace(0, np.pi, EPOCHS + 1)))
    np.testing.assert_allclose(rates(backend, learning_rate="cosine"), wave[:-1], atol=1e-12)
    wave = 0.5 * RATE * (1 + np.cos(np.linspace(0, np.pi, EPOCHS)))
    raised = rates(backend, learning_rate="cosine", min_learning_rate=0.1 * RATE)
    np.testing.assert_allclose(raised, 0.1 * RATE + 0.9 * wave, atol=1e-12)


@each_backend
def test_one_cycle_rises_to_the_rate_and_falls_to_less_than_it_began_with(backend):
    actual = rates(backend, learning_rate="one_cycle")
    peak = actual.argmax()
    assert 0 < peak < EPOCHS / 2
    assert actual[peak] == pytest.approx(RATE, rel=0.05)
    assert (np.diff(actual[: peak + 1]) > 0).all()
    assert (np.diff(actual[peak:]) < 0).all()
    assert actual[0] == pytest.approx(RATE / 25)
    assert actual[-1] == pytest.approx(RATE / 25e4, abs=1e-12)
    assert rates(backend, learning_rate="one_cycle", min_learning_rate=0.001)[-1] == pytest.approx(0.001)


@each_backend
def test_steps_lower_the_rate_at_equal_distances_down_to_the_least(backend):
    actual = rates(backend, learning_rate="step", decay=0.5, decay_every=6, min_learning_rate=0.1 * RATE)
    np.testing.assert_allclose(actual, RATE * np.maximum(0.5 ** (np.arange(EPOCHS) // 6), 0.1))


@each_backend
def test_a_plateau_lowers_the_rate_where_the_loss_stands_still(backend):
    settings = {"learning_rate": "plateau", "decay": 0.5, "decay_every": 3, "n_iter_no_change": EPOCHS}
    np.testing.assert_allclose(rates(backend, **settings), np.full(EPOCHS, RATE))
    # the loss falls by less than tol from the second epoch on
    expected = RATE * np.maximum(0.5 ** (np.maximum(np.arange(EPOCHS) - 1, 0) // 3), 0.1)
    np.testing.assert_allclose(rates(backend, tol=1e3, min_learning_rate=0.1 * RATE, **settings), expected)


@each_backend
@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_warmup_rises_to_the_schedule(schedule, backend):
    actual, plain = rates(backend, learning_rate=schedule, warmup=5), rates(backend, learning_rate=schedule)
    assert 0 < actual[0] < 0.3 * RATE
    assert (np.diff(actual[:5]) > 0).all()
    assert actual[6] == pytest.approx(plain[6], rel=0.1)


def split(kind):
    X, y = problem(kind)
    return X[:60], y[:60], X[60:], y[60:]


@each_backend
@each_estimator
def test_validation_data_of_ones_own_give_a_curve(estimator, backend):
    X, y, X_val, y_val = split("binary")
    model = estimator(backend=backend, alpha=0.0, **SETTINGS).fit(X, y, X_val=X_val, y_val=y_val)
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == model.n_iter_ == 12
    if estimator is MLPClassifier:
        expected = log_loss(y_val, model.predict_proba(X_val))
    else:
        expected = 0.5 * np.mean((model.predict(X_val) - y_val) ** 2)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)
    alone = estimator(backend=backend, alpha=0.0, **SETTINGS).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], alone.coefs_[0])


@each_backend
@each_estimator
def test_validation_of_several_outputs_is_a_mean_over_them(estimator, backend):
    X, y, X_val, y_val = split("multilabel" if estimator is MLPClassifier else "two outputs")
    model = estimator(backend=backend, **SETTINGS).fit(X, y, X_val=X_val, y_val=y_val)
    if estimator is MLPClassifier:
        expected = sum(log_loss(*columns) for columns in zip(y_val.T, model.predict_proba(X_val).T, strict=True))
    else:
        expected = 0.5 * np.mean((model.predict(X_val) - y_val) ** 2)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


@each_backend
@each_estimator
def test_early_stopping_heeds_the_validation_data_given_and_brings_the_best_weights_back(estimator, backend):
    X, y, X_val, y_val = split("binary")
    settings = SETTINGS | {"max_iter": 100, "early_stopping": True, "n_iter_no_change": 5}
    model = estimator(backend=backend, **settings).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.score(X_val, y_val) == pytest.approx(model.best_validation_score_)
    assert model.t_ == 60 * model.n_iter_, "all of X is trained on"


@each_backend
def test_the_best_weights_of_all_warm_starts_come_back(backend):
    X, y, X_val, y_val = split("multiclass")
    model = MLPClassifier(backend=backend, warm_start=True, early_stopping=True, **(SETTINGS | {"max_iter": 60}))
    best = model.fit(X, y, X_val=X_val, y_val=y_val).coefs_[0].copy()
    model.set_params(learning_rate_init=5.0, max_iter=3).fit(X, y, X_val=X_val, y_val=y_val)
    assert max(model.validation_scores_[-3:]) <= model.best_validation_score_, "a rate of 5 improves nothing"
    np.testing.assert_array_equal(model.coefs_[0], best)


@each_backend
def test_validation_weights_weigh_the_validation_loss_and_score(backend):
    X, y, X_val, y_val = split("multiclass")
    weights = np.random.default_rng(0).uniform(0, 3, len(y_val))
    for scoring in (None, "accuracy"):
        settings = SETTINGS | {"max_iter": 1, "early_stopping": True, "scoring": scoring}
        model = MLPClassifier(backend=backend, **settings)
        model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
        probabilities = model.predict_proba(X_val)
        assert model.validation_loss_curve_[0] == pytest.approx(log_loss(y_val, probabilities, sample_weight=weights))
        expected = accuracy_score(y_val, model.predict(X_val), sample_weight=weights)
        assert model.validation_scores_[0] == pytest.approx(expected)


@each_backend
@each_estimator
def test_validation_data_must_come_whole_and_fit(estimator, backend):
    X, y, X_val, y_val = split("binary")
    model = estimator(backend=backend, **SETTINGS)
    for name, data in [
        ("y_val", {"X_val": X_val}),
        ("X_val", {"y_val": y_val}),
        ("X_val", {"sample_weight_val": np.ones(30)}),
        ("sample_weight_val", {"X_val": X_val, "y_val": y_val, "sample_weight_val": np.zeros(30)}),
        (None, {"X_val": X_val[:, :3], "y_val": y_val}),
        (None, {"X_val": X_val, "y_val": y_val[:-1]}),
        (None, {"X_val": np.full_like(X_val, np.nan), "y_val": y_val}),
    ]:
        with pytest.raises(ValueError, match=name):
            model.fit(X, y, **data)
    with pytest.raises(ValueError, match="y_val"):
        model.fit(X, y, X_val=X_val, y_val=y_val + 7 if estimator is MLPClassifier else np.ones((30, 2)))
    with pytest.raises(ValueError, match="lbfgs"):
        model.set_params(solver="lbfgs").fit(X, y, X_val=X_val, y_val=y_val)


SCORINGS = [
    (MLPClassifier, "multiclass", "neg_log_loss"),
    (MLPClassifier, "multiclass", "f1_macro"),
    (MLPRegressor, "one output", "neg_mean_absolute_error"),
    (MLPRegressor, "two outputs", lambda model, X, y: -np.abs(model.predict(X) - y).max()),
]


@each_backend
@pytest.mark.parametrize(("estimator", "kind", "scoring"), SCORINGS)
def test_scoring_says_what_early_stopping_goes_by(estimator, kind, scoring, backend):
    X, y, X_val, y_val = split(kind)
    model = estimator(backend=backend, scoring=scoring, early_stopping=True, **SETTINGS)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    scorer = scoring if callable(scoring) else get_scorer(scoring)
    assert scorer(model, X_val, y_val) == pytest.approx(max(model.validation_scores_))
    held_out = estimator(backend=backend, scoring=scoring, early_stopping=True, **SETTINGS).fit(X, y)
    assert len(held_out.validation_scores_) == held_out.n_iter_


UNWEIGHTED = [
    (MLPClassifier, "multiclass", lambda model, X, y: np.mean(model.predict(X) == y)),
    (MLPClassifier, "binary", make_scorer(lambda y, answers: np.mean(y == answers))),
    (MLPRegressor, "one output", "neg_max_error"),
]


@each_backend
@pytest.mark.parametrize(("estimator", "kind", "scoring"), UNWEIGHTED)
def test_a_scorer_that_takes_no_weights_gets_none(estimator, kind, scoring, backend):
    X, y, X_val, y_val = split(kind)
    model = estimator(backend=backend, scoring=scoring, **(SETTINGS | {"max_iter": 1}))
    model.fit(X, y, np.arange(60), X_val=X_val, y_val=y_val, sample_weight_val=np.arange(30))
    assert model.validation_scores_ == [pytest.approx(check_scoring(model, scoring)(model, X_val, y_val))]


@each_backend
def test_a_function_that_takes_weights_gets_them(backend):
    X, y, X_val, y_val = split("binary")
    seen = []
    for scoring in (
        lambda model, X, y, sample_weight: seen.append(sample_weight) or 0.0,
        lambda model, X, y, **weights: seen.append(weights["sample_weight"]) or 0.0,
    ):
        model = MLPClassifier(backend=backend, scoring=scoring, **(SETTINGS | {"max_iter": 1}))
        model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=np.arange(30))
    np.testing.assert_array_equal(seen, [np.arange(30)] * 2)


@each_backend
@each_estimator
def test_time_that_is_up_ends_training_after_the_epoch(estimator, backend):
    X, y = problem("binary")
    model = estimator(backend=backend, max_time=1e-9, **SETTINGS).fit(X, y)
    assert model.n_iter_ == 1
    model = estimator(backend=backend, max_time=1e-9, callbacks=(Record(),), solver="lbfgs", **SETTINGS).fit(X, y)
    assert model.n_iter_ == 1
    assert estimator(backend=backend, max_time=3600.0, **SETTINGS).fit(X, y).n_iter_ == 12


WAYS = ({}, {"early_stopping": True}, {"solver": "lbfgs"})


@tiered(
    ("backend", "estimator", "first", "then"),
    itertools.product(BACKENDS, OURS, WAYS, WAYS),
    lambda backend, estimator, first, then: (
        estimator is MLPClassifier and (backend == "numpy" or (first, then) == (WAYS[0], WAYS[2]))
    ),
)
def test_a_warm_start_may_change_the_way_to_train(estimator, first, then, backend):
    X, y = problem("binary")
    way = {"early_stopping": False, "solver": "adam"}
    model = estimator(backend=backend, warm_start=True, **(SETTINGS | way | first)).fit(X, y)
    before = model.score(X, y)
    model.set_params(**(way | then)).fit(X, y)
    assert 0 < model.n_iter_ <= 12
    assert model.score(X, y) > before - 0.1

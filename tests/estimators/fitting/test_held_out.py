"""Early stopping where what is held out could not be scored: other rows are, or nothing is trained."""

from functools import partial

import numpy as np
import pytest
from estimators.test_base import PAIRS, each_backend, each_estimator, each_pair, pair_for, problem
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.metrics import make_scorer

from fastnet import MLPClassifier, MLPRegressor
from fastnet.estimators.fitting import held_out

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (4,), "max_iter": 3, "early_stopping": True, "backend": "numpy"}


@pytest.fixture
def drawn(monkeypatch):
    """Collect what fits hold out."""
    found = []

    class HeldOut(held_out.HeldOut):
        def fault(self):
            fault = super().fault()
            if fault is None:
                found.append(self)
            return fault

    monkeypatch.setattr(held_out, "HeldOut", HeldOut)
    return found


def few_weights(n_samples, n_weighty, seed):
    weights = np.zeros(n_samples)
    weights[np.random.default_rng(seed).permutation(n_samples)[:n_weighty]] = 2.0
    return weights


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one output", "two outputs"])
@pytest.mark.parametrize("n_weighty", [12, 20])
def test_rows_with_weight_are_held_out(kind, n_weighty, drawn):
    X, y = problem(kind)
    for seed in range(10):
        weights = few_weights(len(y), n_weighty, seed)
        model = pair_for(kind)[0](random_state=seed, **SETTINGS).fit(X, y, weights)
        assert np.isfinite(model.validation_scores_).all()
        held = drawn.pop()
        assert np.count_nonzero(held.samples.weights) >= 2
        assert np.count_nonzero(held.samples.weights) < n_weighty, "some are left to train on"
        if kind in ("binary", "multiclass"):
            assert len(set(held.labels[held.samples.weights > 0])) > 1


@pytest.mark.parametrize("rows", [[0, 1] * 8, [0] * 14 + [1, 1, 2, 2], [0, 0, 1, 1, 2, 2] * 3])
def test_rows_of_several_classes_are_held_out(rows, drawn):
    X, y = np.arange(len(rows))[:, None] / 10, np.array(["a", "b", "c"])[rows]
    for seed in range(10):
        MLPClassifier(random_state=seed, validation_fraction=0.15, **SETTINGS).fit(X, y)
        assert len(set(drawn.pop().labels)) > 1


@each_pair
def test_rows_that_can_be_scored_are_those_of_scikit_learn(ours, theirs):
    X, y = problem("multiclass" if ours is MLPClassifier else "one output")
    weights = np.where(np.arange(len(y)) % 3, 1.0, 0.0)
    for seed in range(3):
        settings = SETTINGS | {"random_state": seed}
        actual = ours(**settings).fit(X, y, weights)
        del settings["backend"]
        expected = theirs(**settings).fit(X, y, weights)
        np.testing.assert_allclose(actual.validation_scores_, expected.validation_scores_)
        np.testing.assert_allclose(actual.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize(
    ("ensemble", "estimator"),
    [
        (BaggingClassifier, MLPClassifier), (BaggingRegressor, MLPRegressor),
        (partial(BaggingRegressor, max_samples=0.5), MLPRegressor),
    ],
)  # fmt: skip
def test_ensembles_that_weigh_samples_fit_on_few_of_them(ensemble, estimator):
    X, y = problem("multiclass" if estimator is MLPClassifier else "one output", 24)
    for seed in range(8):
        ensemble(estimator(**SETTINGS), n_estimators=2, random_state=seed).fit(X, y)


def test_classes_without_weight_are_none_to_be_held_out(drawn):
    X, y = problem("binary")
    model = MLPClassifier(class_weight={0: 0.0, 1: 1.0}, random_state=0, **SETTINGS).fit(X, y)
    assert np.isfinite(model.validation_scores_).all()
    MLPClassifier(random_state=0, **SETTINGS).fit(X, np.full(len(X), "one"))
    assert set(drawn.pop().labels) == {"one"}


HOPELESS = [
    (MLPClassifier, [0] * 9 + [1], None, r"The least populated classes in y have only 1 member.*\['True'\]"),
    (MLPClassifier, [0, 1], None, "The least populated classes"),
    (MLPRegressor, range(2), None, "The validation set is too small"),
    (MLPRegressor, range(20), np.eye(20)[3], "0 of 2 rows held out have weight|no row with weight"),
    (MLPClassifier, [0, 1] * 10, np.eye(20)[3] + np.eye(20)[6], "0 of 2 rows held out have weight|no row with weight"),
    (MLPClassifier, [0] * 60 + [1, 2], None, "the rows held out are of one class of 3"),
]


@pytest.mark.parametrize(("estimator", "y", "weights", "message"), HOPELESS)
def test_what_leaves_nothing_to_score_is_refused_before_training(estimator, y, weights, message):
    told = []
    X = np.arange(len(y))[:, None] / 10
    model = estimator(random_state=0, callbacks=(told.append,), **SETTINGS)
    with pytest.raises(ValueError, match=f"early_stopping cannot hold out rows to score: ({message})"):
        model.fit(X, list(y), weights)
    assert told == []


def raises(model, X, y):
    raise KeyError("no such thing")


SCORERS = [
    (lambda model, X, y: np.nan, "gives NaN"),
    (raises, "cannot be scored: KeyError: 'no such thing'"),
    (lambda model, X, y: None, "cannot be scored: TypeError"),
    (make_scorer(lambda y, answers: 0 / 0), "cannot be scored: ZeroDivisionError"),
]


@each_estimator
@each_backend
@pytest.mark.parametrize(("scoring", "message"), SCORERS)
@pytest.mark.parametrize("own", [False, True])
def test_a_scorer_that_fails_is_found_out_before_training(estimator, scoring, message, own, backend):
    X, y = problem("binary")
    told = []
    model = estimator(scoring=scoring, callbacks=(told.append,), random_state=0, **(SETTINGS | {"backend": backend}))
    given = {"X_val": X, "y_val": y} if own else {}
    with pytest.raises(ValueError, match=f"early_stopping .*scoring=.*{message}"):
        model.fit(X, y, **given)
    assert told == []


def test_a_scorer_that_wants_every_class_gets_rows_of_every_class(drawn):
    X, y = problem("multiclass", 24)
    for seed in range(10):
        for scoring in ("roc_auc_ovr", "neg_log_loss"):
            MLPClassifier(scoring=scoring, random_state=seed, validation_fraction=0.2, **SETTINGS).fit(X, y)
            assert set(drawn.pop().labels) == set(y)


@pytest.mark.parametrize(
    ("estimator", "data", "scoring"),
    [
        (MLPRegressor, ([[0.0]], [1.0]), None),
        (MLPRegressor, ([[0.0], [1.0]], [1.0, 2.0], [0.0, 1.0]), None),
        (MLPClassifier, ([[0.0], [1.0]], [1, 1]), "roc_auc"),
    ],
)
def test_validation_data_of_ones_own_must_have_a_score(estimator, data, scoring):
    names = ("X_val", "y_val", "sample_weight_val")
    model = estimator(scoring=scoring, random_state=0, **SETTINGS)
    with pytest.raises(ValueError, match=r"early_stopping needs validation data with a score: .* gives NaN"):
        model.fit([[0.0], [1.0], [2.0]], [0, 1, 0], **dict(zip(names, data, strict=False)))
    if scoring is None:
        model.set_params(scoring="loss").fit([[0.0], [1.0], [2.0]], [0, 1, 0], X_val=data[0], y_val=data[1])


@each_estimator
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_model_that_diverges_is_not_handed_to_a_scorer(estimator):
    X, y = problem("binary")
    asked = []

    def scoring(model, X, y):
        asked.append(model.predict(X))
        return -len(asked)

    settings = {"solver": "sgd", "learning_rate_init": 1e200, "activation": "identity", "scoring": scoring}
    model = estimator(random_state=0, **(SETTINGS | settings))
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.fit(X, y)
    assert (len(asked), np.isnan(model.validation_scores_).all()) == (1, True)


@pytest.mark.parametrize("ours", [ours for ours, _ in PAIRS])
def test_without_early_stopping_nothing_is_tried(ours):
    X, y = problem("binary")
    calls = []
    settings = SETTINGS | {"early_stopping": False}
    ours(scoring=lambda *data: calls.append(1) or np.nan, random_state=0, **settings).fit(X, y, X_val=X, y_val=y)
    assert len(calls) == 3

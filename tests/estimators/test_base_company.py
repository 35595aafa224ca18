"""What scikit-learn wraps around an estimator comes to with ours what it comes to with its own network."""

import numpy as np
import pytest
import sklearn.neural_network
from estimators.test_base import problem
from sklearn import ensemble, feature_selection, inspection, model_selection, multiclass, multioutput
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.semi_supervised import SelfTrainingClassifier

import fastnet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (6,), "max_iter": 12, "learning_rate_init": 0.01, "random_state": 0}
ALPHAS = {"alpha": [1e-4, 1.0]}
SEEDED = {"random_state": 0}


def both(kind):
    """Return our estimator and scikit-learn's."""
    return [getattr(package, kind)(**SETTINGS) for package in (fastnet, sklearn.neural_network)]


def cube(values):
    return np.power(values, 3)


def unknown_labels(y):
    return np.where(np.arange(len(y)) % 3, np.unique(y, return_inverse=True)[1], -1)


CLASSIFIERS = {
    "calibration, sigmoid": lambda one: CalibratedClassifierCV(one, cv=2),
    "calibration, isotonic": lambda one: CalibratedClassifierCV(one, method="isotonic", cv=2, ensemble=False),
    "bagging": lambda one: ensemble.BaggingClassifier(one, n_estimators=2, **SEEDED),
    "voting": lambda one: ensemble.VotingClassifier([("a", one), ("b", LogisticRegression())], voting="soft"),
    "stacking": lambda one: ensemble.StackingClassifier([("a", one), ("b", LogisticRegression())], cv=2),
    "stacking with the inputs": lambda one: ensemble.StackingClassifier([("a", one)], one, cv=2, passthrough=True),
    "one against the rest": multiclass.OneVsRestClassifier,
    "one against one": multiclass.OneVsOneClassifier,
    "output codes": lambda one: multiclass.OutputCodeClassifier(one, **SEEDED),
    "grid search": lambda one: model_selection.GridSearchCV(one, ALPHAS, cv=2),
    "random search": lambda one: model_selection.RandomizedSearchCV(one, ALPHAS, n_iter=2, cv=2, **SEEDED),
    "halving search": lambda one: model_selection.HalvingGridSearchCV(one, ALPHAS, cv=2, **SEEDED),
}
TWO_CLASSES = {
    "tuned threshold": lambda one: model_selection.TunedThresholdClassifierCV(one, cv=2, **SEEDED),
    "fixed threshold": lambda one: model_selection.FixedThresholdClassifier(one, threshold=0.3),
}
MULTILABEL = {
    "an output at a time": multioutput.MultiOutputClassifier,
    "a chain": lambda one: multioutput.ClassifierChain(one, order=[2, 0, 1]),
    "a chain by cross-validation": lambda one: multioutput.ClassifierChain(one, cv=2),
    "one against the rest": multiclass.OneVsRestClassifier,
}
REGRESSORS = {
    "bagging": lambda one: ensemble.BaggingRegressor(one, n_estimators=2, **SEEDED),
    "boosting": lambda one: ensemble.AdaBoostRegressor(one, n_estimators=2, **SEEDED),
    "gradient boosting from it": lambda one: ensemble.GradientBoostingRegressor(init=one, n_estimators=2, **SEEDED),
    "voting": lambda one: ensemble.VotingRegressor([("a", one), ("b", Ridge())]),
    "stacking": lambda one: ensemble.StackingRegressor([("a", one), ("b", Ridge())], cv=2),
    "other targets": lambda one: TransformedTargetRegressor(one, func=np.cbrt, inverse_func=cube),
    "grid search": lambda one: model_selection.GridSearchCV(one, ALPHAS, cv=2),
}
SEVERAL_VALUES = {
    "an output at a time": multioutput.MultiOutputRegressor,
    "a chain": lambda one: multioutput.RegressorChain(one, order=[1, 0]),
    "a chain by cross-validation": lambda one: multioutput.RegressorChain(one, cv=2),
}

CASES = [
    (kind, what, name, wrap)
    for kind, what, wraps in [
        ("MLPClassifier", "multiclass", CLASSIFIERS),
        ("MLPClassifier", "binary", TWO_CLASSES),
        ("MLPClassifier", "multilabel", MULTILABEL),
        ("MLPRegressor", "one output", REGRESSORS),
        ("MLPRegressor", "two outputs", SEVERAL_VALUES),
    ]
    for name, wrap in wraps.items()
]


@pytest.mark.parametrize(("kind", "what", "name", "wrap"), CASES, ids=[f"{case[1]}, {case[2]}" for case in CASES])
def test_a_meta_estimator_answers_as_with_scikit_learns_network(kind, what, name, wrap):
    X, y = problem(what)
    ours, theirs = (wrap(one).fit(X, y) for one in both(kind))
    if kind == "MLPRegressor":
        single = isinstance(ours, ensemble.GradientBoostingRegressor)  # which makes float32 of X
        tolerance = 1e-4 if single else 1e-6
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=tolerance, atol=1e-8)
    else:
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for method in ("predict_proba", "decision_function"):
        if hasattr(theirs, method):
            np.testing.assert_allclose(getattr(ours, method)(X), getattr(theirs, method)(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("criterion", ["threshold", "k_best"])
def test_self_training_labels_the_same_samples(criterion):
    X, y = problem("multiclass")
    settings = {"criterion": criterion, "threshold": 0.4, "k_best": 8, "max_iter": 3}
    fits = [SelfTrainingClassifier(one, **settings).fit(X, unknown_labels(y)) for one in both("MLPClassifier")]
    for attribute in ("transduction_", "labeled_iter_"):
        np.testing.assert_array_equal(*[getattr(fit, attribute) for fit in fits])
    assert (fits[0].labeled_iter_ > 0).any()
    np.testing.assert_allclose(*[fit.predict_proba(X) for fit in fits], rtol=1e-6)


def importances(model, X, y):
    return inspection.permutation_importance(model.fit(X, y), X, y, n_repeats=2, random_state=0).importances


def dependence(model, X, y):
    model.fit(X, y)
    return [inspection.partial_dependence(model, X, features, grid_resolution=4)["average"] for features in (0, (1, 2))]


def learning_curves(model, X, y):
    return model_selection.learning_curve(model, X, y, cv=2, train_sizes=[0.5, 1.0])[1:3]


def incremental_curves(model, X, y):
    return model_selection.learning_curve(model, X, y, cv=2, train_sizes=[0.5, 1.0], exploit_incremental_learning=True)[
        1
    ]


def validation_curves(model, X, y):
    return model_selection.validation_curve(model, X, y, param_name="alpha", param_range=[1e-4, 1.0], cv=2)


def permutations(model, X, y):
    return model_selection.permutation_test_score(model, X, y, cv=2, n_permutations=3, random_state=0)[1]


def predictions(model, X, y):
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    return model_selection.cross_val_predict(model, X, y, cv=3, method=method)


def selected(model, X, y):
    chosen = feature_selection.SequentialFeatureSelector(model, n_features_to_select=2, cv=2).fit(X[:, :4], y)
    return chosen.get_support().astype(float)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize(
    "tell",
    [
        importances,
        learning_curves,
        incremental_curves,
        validation_curves,
        permutations,
        predictions,
        selected,
        dependence,
    ],
)
def test_what_is_told_of_a_network_is_the_same(tell, kind):
    X, y = problem("binary" if kind == "MLPClassifier" else "one output")
    ours, theirs = (tell(model, X, y) for model in both(kind))
    for actual, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("backend", ["numba", "numpy"])
@pytest.mark.parametrize("estimator", [fastnet.MLPClassifier, fastnet.MLPRegressor])
def test_a_subclass_need_not_tell_its_count_of_features(estimator, backend):
    X, y = problem("binary")

    class Own(estimator):
        def fit(self, X, y):
            super().fit(X, y)
            del self.n_features_in_
            return self

    own, expected = (kind(backend=backend, **SETTINGS).fit(X, y) for kind in (Own, estimator))
    np.testing.assert_array_equal(own.predict(X), expected.predict(X))
    np.testing.assert_array_equal(own.transform(X[:2]), expected.transform(X[:2]))
    for width in (6, 8):
        with pytest.raises(ValueError, match=f"X has {width} features, but the network takes 7"):
            own.predict(np.zeros((3, width)))

"""A network for each group: the one that would be fitted alone to its rows, to the bit."""

import numpy as np
import pytest
import sklearn
from estimators.ensembles.test_ensembles import same_bits
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, cross_validate

import fastnet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 1}
KINDS = [(fastnet.GroupedMLPClassifier, fastnet.MLPClassifier), (fastnet.GroupedMLPRegressor, fastnet.MLPRegressor)]
each_kind = pytest.mark.parametrize(("grouped", "network"), KINDS)
GROUPS = {
    "text": np.array(["b", "a", "c"]),
    "a list of text": ["b", "a", "c"],
    "integers": np.array([7, -3, 5]),
    "both": [3, "a", ("x", 1)],
    "dates": np.array(["2024-01-02", "2024-01-01", "2024-03-01"], "datetime64[D]"),
}


def problem(n=90):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 4))
    which = np.arange(n) % 3
    return X, (X[:, 0] * (which - 1) > 0).astype(int), which


def labels_of(groups, which):
    if isinstance(groups, np.ndarray):
        return groups[which]
    found = np.empty(len(which), object)
    found[:] = [groups[i] for i in which]
    return list(found) if all(isinstance(one, str) for one in groups) else found


@pytest.mark.parametrize("kind", GROUPS)
@each_kind
def test_each_group_has_the_network_that_its_rows_have_alone(grouped, network, kind):
    X, y, which = problem()
    weights = np.linspace(1, 2, len(y))
    groups = labels_of(GROUPS[kind], which)
    model = grouped(**QUICK).fit(X, y, groups, weights)
    assert set(model.estimators_) == set(GROUPS[kind] if isinstance(GROUPS[kind], list) else [*GROUPS[kind]])
    for i, group in enumerate(GROUPS[kind]):
        rows = which == i
        alone = network(**QUICK).fit(X[rows], y[rows], weights[rows])
        same_bits(model.estimators_[group], alone)
        np.testing.assert_array_equal(model.predict(X, groups)[rows], alone.predict(X[rows]))


def test_classes_are_those_of_all_groups():
    X, _, which = problem()
    y = np.array(["low", "high", "none"])[np.where(which == 0, 2, which % 2)]
    model = fastnet.GroupedMLPClassifier(**QUICK).fit(X, y, which)
    assert model.classes_.tolist() == ["high", "low", "none"]
    probabilities = model.predict_proba(X, which)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[which == 0] == [0, 0, 1]).all()  # a group of a single class
    assert model.score(X, y, which) == np.mean(model.predict(X, which) == y) == 1


def test_a_regressor_of_several_outputs_scores_all_together():
    X, _, which = problem()
    y = X[:, :2] * which[:, None]
    model = fastnet.GroupedMLPRegressor(**QUICK).fit(X, y, which)
    assert model.predict(X[:5], which[:5]).shape == (5, 2)
    assert model.score(X, y, which) < 1


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (None, "groups must be one label for each sample, got None"),
        ([0, 1], "groups must be one label for each of 90 samples, got 2"),
        ([None] * 90, "groups must not be missing, got None for sample 0"),
        ([1.0] * 89 + [np.nan], "groups must not be missing, got nan for sample 89"),
    ],
)
@each_kind
def test_groups_that_cannot_be_used_are_named(grouped, network, groups, message):
    X, y, _ = problem()
    with pytest.raises(ValueError, match=message):
        grouped(**QUICK).fit(X, y, groups)


@each_kind
def test_unknown_groups_are_named(grouped, network):
    X, y, which = problem()
    model = grouped(**QUICK).fit(X, y, which)
    with pytest.raises(ValueError, match=r"groups that were not there in fit: 3, 4, 5, 6, 7 and 2 more"):
        model.predict(X[:7], np.arange(3, 10))
    with pytest.raises(ValueError, match="X has 3 features"):
        model.predict(X[:, :3], which)


def test_an_error_names_the_group():
    X, y, which = problem()
    y = np.where(which == 2, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"^group 2: y must not be negative"):
        fastnet.GroupedMLPRegressor(loss="poisson", **QUICK).fit(X, y, which)


@each_kind
def test_cross_validation_works_with_metadata_routing(grouped, network):
    X, y, which = problem()
    folds = list(StratifiedKFold(3).split(X, which))
    with sklearn.config_context(enable_metadata_routing=True):
        model = grouped(**QUICK).set_fit_request(groups=True).set_score_request(groups=True)
        scores = cross_validate(model, X, y, cv=folds, params={"groups": which})["test_score"]
    train, test = folds[0]
    fitted = clone(grouped(**QUICK)).fit(X[train], y[train], which[train])
    assert scores[0] == fitted.score(X[test], y[test], which[test])


@each_kind
def test_seeds_are_drawn_where_none_is_given(grouped, network):
    X, y, which = problem()
    model = grouped(**QUICK | {"random_state": np.random.RandomState(0)}).fit(X, y, which)
    assert len({one.random_state for one in model.estimators_.values()}) == 3
    assert network().get_params().keys() - grouped().get_params().keys() == {"progress_bar", "warm_start"}

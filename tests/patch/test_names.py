"""Scikit-learn's names for fastnet's estimators, and back."""

import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.base import clone
from sklearn.utils.discovery import all_estimators

import fastnet
from fastnet.models import to_sklearn
from fastnet.patch.names import NAMES

THEIRS = {name: getattr(sklearn.neural_network, name) for name in NAMES}
X, Y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2


@pytest.fixture(autouse=True)
def undone():
    yield
    fastnet.unpatch_sklearn()
    assert standing() == THEIRS


def standing():
    return {name: getattr(sklearn.neural_network, name) for name in NAMES}


def ours():
    return {name: getattr(fastnet, name) for name in NAMES}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_any_number_of_calls_is_undone_by_one(times):
    for _ in range(times):
        fastnet.patch_sklearn()
        assert standing() == ours()
    for _ in range(times):
        fastnet.unpatch_sklearn()
        assert standing() == THEIRS
    fastnet.patch_sklearn()
    assert standing() == ours()


def test_nothing_else_in_the_module_changes():
    before = dict(vars(sklearn.neural_network))
    fastnet.patch_sklearn()
    during = dict(vars(sklearn.neural_network))
    assert {name for name in before | during if before.get(name) is not during.get(name)} == set(NAMES)
    fastnet.unpatch_sklearn()
    assert vars(sklearn.neural_network) == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", [str, lambda name: [name], lambda name: {name}, lambda name: iter([name, name])])
def test_one_name_may_be_chosen(name, given):
    fastnet.patch_sklearn(given(name))
    assert standing() == THEIRS | {name: ours()[name]}
    fastnet.unpatch_sklearn([other for other in NAMES if other != name])
    assert standing() == THEIRS | {name: ours()[name]}
    fastnet.unpatch_sklearn(given(name))
    assert standing() == THEIRS


@pytest.mark.parametrize("call", [fastnet.patch_sklearn, fastnet.unpatch_sklearn])
@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("SVC", ValueError, "names must be among MLPClassifier, MLPRegressor, got 'SVC'"),
        (["MLPClassifier", "MLP"], ValueError, "names must be among MLPClassifier, MLPRegressor, got 'MLP'"),
        ([fastnet.MLPRegressor], ValueError, "names must be among MLPClassifier, MLPRegressor, got <class"),
        (3, TypeError, "names must be one or several of MLPClassifier, MLPRegressor, got int"),
    ],
)
def test_other_names_are_refused_before_anything_changes(call, names, error, message):
    with pytest.raises(error, match=message):
        call(names)
    assert standing() == THEIRS


def test_what_took_over_a_name_in_the_meantime_keeps_it():
    fastnet.patch_sklearn()
    sklearn.neural_network.MLPClassifier = dict
    try:
        fastnet.unpatch_sklearn()
        assert standing() == THEIRS | {"MLPClassifier": dict}
    finally:
        sklearn.neural_network.MLPClassifier = THEIRS["MLPClassifier"]


def test_who_imports_from_then_on_gets_ours_and_who_did_before_keeps_theirs():
    modules = []
    for patch in (fastnet.unpatch_sklearn, fastnet.patch_sklearn):
        patch()
        module = types.ModuleType("somebody")
        exec("from sklearn.neural_network import MLPClassifier, MLPRegressor", module.__dict__)
        modules.append(module)
    assert [module.MLPClassifier for module in modules] == [THEIRS["MLPClassifier"], fastnet.MLPClassifier]
    assert [module.MLPRegressor for module in modules] == [THEIRS["MLPRegressor"], fastnet.MLPRegressor]


@pytest.mark.parametrize("name", NAMES)
def test_objects_of_both_kinds_live_through_it(name):
    for kind in (THEIRS[name], ours()[name]):
        model = kind(hidden_layer_sizes=(4,), max_iter=300, tol=1.0, random_state=0).fit(X, Y)
        fastnet.patch_sklearn()
        again = pickle.loads(pickle.dumps(model))
        assert type(again) is type(clone(model)) is kind
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        fastnet.unpatch_sklearn()
        assert type(pickle.loads(pickle.dumps(again))) is kind


def test_scikit_learn_itself_finds_ours():
    fastnet.patch_sklearn()
    assert ours().items() <= dict(all_estimators()).items()


def test_what_is_meant_for_scikit_learn_stays_so():
    fastnet.patch_sklearn()
    model = to_sklearn(fastnet.Model(fastnet.Network([3, 2], seed=0)))
    assert type(model) is THEIRS["MLPClassifier"]


def test_nothing_is_loaded_before_it_is_needed():
    code = (
        "import sys, fastnet; fastnet.unpatch_sklearn(); import fastnet.patch; "
        "print(*[name for name in ('sklearn', 'numpy', 'numba') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"

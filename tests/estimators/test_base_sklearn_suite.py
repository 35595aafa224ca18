"""scikit-learn's own tests of its networks, run on ours: the module that is installed, with two names replaced."""

from importlib.util import find_spec, module_from_spec
from types import ModuleType
from unittest import mock

import pytest
import sklearn.neural_network

import fastnet

# its own configuration lets them pass
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OURS = {"MLPClassifier": fastnet.MLPClassifier, "MLPRegressor": fastnet.MLPRegressor}


def module_with_ours() -> ModuleType:
    """Run scikit-learn's test module where its classes' names mean ours, and leave no trace of that."""
    spec = find_spec("sklearn.neural_network.tests.test_mlp")
    if spec is None or spec.loader is None:
        pytest.skip("scikit-learn is installed without its tests", allow_module_level=True)
    module = module_from_spec(spec)
    with mock.patch.multiple(sklearn.neural_network, **OURS):
        spec.loader.exec_module(module)
    return module


MODULE = module_with_ours()
globals().update({name: value for name, value in vars(MODULE).items() if name.startswith("test_")})


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's own configuration gives where none is asked for."""
    return 42


def test_it_is_ours_that_they_test_and_nobody_else():
    assert {name: getattr(MODULE, name) for name in OURS} == OURS
    assert sklearn.neural_network.MLPClassifier.__module__.startswith("sklearn.")
    assert sum(name.startswith("test_") for name in vars(MODULE)) >= 35

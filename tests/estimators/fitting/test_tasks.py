"""scikit-learn's own callbacks, of 1.9, and what there is without them."""

import subprocess
import sys

import numpy as np
import pytest
from estimators.test_base import each_estimator, problem
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (6,), "max_iter": 4, "batch_size": 32, "random_state": 0, "backend": "numpy"}


class Tasks:
    """Note what scikit-learn tells of a fit."""

    def __init__(self, stop_after=None):
        self.told, self.predictions, self.stop_after = [], [], stop_after

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.told.append(("end", context.task_name, context.task_id))
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.predictions.append((fitted_estimator, fitted_estimator.predict(X), len(y)))
            return len(self.predictions) == self.stop_after
        return None


@pytest.fixture(autouse=True)
def callback():
    pytest.importorskip("sklearn.callback")


@each_estimator
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_fit_and_its_epochs_are_tasks(estimator, solver):
    X, y = problem("binary")
    tasks = Tasks()
    model = estimator(**SETTINGS, solver=solver).set_callbacks(tasks).fit(X, y)
    epochs = [event for i in range(4) for event in (("begin", "epoch", i), ("end", "epoch", i))]
    assert tasks.told == ["setup", ("begin", "fit", 0), *epochs, ("end", "fit", 0), "teardown"]
    plain = estimator(**SETTINGS, solver=solver).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])


@each_estimator
def test_a_copy_predicts_as_the_model_did_then(estimator):
    X, y = problem("binary")
    tasks = Tasks()
    estimator(**SETTINGS).set_callbacks(tasks).fit(X, y)
    for i, (copy, predicted, n_samples) in enumerate(tasks.predictions, 1):
        shorter = estimator(**(SETTINGS | {"max_iter": i})).fit(X, y)
        np.testing.assert_array_equal(copy.predict(X), shorter.predict(X))
        np.testing.assert_array_equal(copy.predict(X), predicted)
        assert n_samples == len(X)


@each_estimator
def test_a_true_value_ends_the_fit_and_what_had_begun(estimator):
    X, y = problem("binary")
    tasks = Tasks(stop_after=2)
    assert estimator(**SETTINGS).set_callbacks(tasks).fit(X, y).n_iter_ == 2
    assert tasks.told[-4:] == [("begin", "epoch", 2), ("end", "epoch", 2), ("end", "fit", 0), "teardown"]


@each_estimator
def test_both_kinds_of_callbacks_are_told(estimator):
    X, y = problem("binary")
    tasks, heard = Tasks(), []
    estimator(**SETTINGS, callbacks=(heard.append,)).set_callbacks(tasks).fit(X, y)
    assert len(heard) == len(tasks.predictions) == 4


def test_callbacks_come_down_from_a_pipeline_and_stay_with_a_clone():
    from sklearn.callback import ProgressBar

    from fastnet import MLPClassifier

    X, y = problem("binary")
    own = Tasks()
    model = MLPClassifier(**SETTINGS).set_callbacks(own)
    make_pipeline(StandardScaler(), model).set_callbacks(ProgressBar()).fit(X, y)
    assert [event for event in own.told if event[:2] == ("end", "epoch")] == [("end", "epoch", i) for i in range(4)]
    assert not hasattr(model, "_parent_callback_ctx")
    clone(model).fit(X, y)


@each_estimator
def test_an_error_takes_callbacks_down(estimator):
    def fail(epoch):
        raise OSError("no more room")

    X, y = problem("binary")
    tasks = Tasks()
    with pytest.raises(OSError, match="no more room"):
        estimator(**SETTINGS, callbacks=(fail,)).set_callbacks(tasks).fit(X, y)
    assert tasks.told[-1] == "teardown"


def test_without_scikit_learns_callbacks_estimators_fit_all_the_same():
    code = (
        "import sys, sklearn.neural_network; sys.modules['sklearn.callback'] = None\n"
        "from fastnet.estimators.fitting import tasks\n"
        "from fastnet import MLPRegressor\n"
        "model = MLPRegressor(backend='numpy', max_iter=2, tol=10.0, n_iter_no_change=1, random_state=0)\n"
        "print(hasattr(tasks.CallbackSupportMixin, 'set_callbacks'), model.fit([[0.0], [1.0]], [0.0, 1.0]).n_iter_)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["False", "2"]

"""scikit-learn's `MLPClassifier`.

It differs in three things. It draws its own initial weights. With two classes its network has one output, not two. And
its check of the data, with the encoding of the labels, cannot be told from training, so it is counted: a small
share of an epoch.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.measure.peers.own import blas_threads
from fastnet.measure.peers.protocol import Run, Task

ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}


class MLPRun(Run):
    """`partial_fit` for a single epoch; `fit` for several, which checks the data only once, but starts Adam anew."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._model = _model(task).set_params(warm_start=task.workload.repeats > 1)

    def warm_up(self) -> float:
        """Train another model on one batch."""
        batch = slice(self._task.workload.batch)
        start = time.perf_counter()
        with blas_threads(self._task.n_threads):
            _model(self._task).partial_fit(self._task.X[batch], self._task.y[batch], classes=_classes(self._task))
        return time.perf_counter() - start

    def epoch(self) -> float:
        """Train for the workload's epochs."""
        X, y, model = self._task.X, self._task.y, self._model
        with blas_threads(self._task.n_threads), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # that it has not converged
            start = time.perf_counter()
            try:
                if self._task.workload.repeats == 1:
                    model.partial_fit(X, y, classes=_classes(self._task))
                else:
                    model.fit(X, y)
            except ValueError as error:  # weights that are not finite, or data that it rejects
                if all(np.isfinite(W).all() for W in getattr(model, "coefs_", [])):
                    raise
                raise FloatingPointError(str(error)) from None
            return time.perf_counter() - start

    def logits_argmax(self, X: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Predict the classes."""
        classes: npt.NDArray[Any] = self._model.predict(X)
        return classes.astype(np.int64)


def _classes(task: Task) -> npt.NDArray[np.int64]:
    return np.arange(task.workload.sizes[-1])


def _model(task: Task) -> Any:
    # by the name that patch_sklearn leaves alone
    from sklearn.neural_network._multilayer_perceptron import MLPClassifier
    from sklearn.utils import check_random_state

    workload = task.workload
    return MLPClassifier(
        workload.sizes[1:-1],
        activation=ACTIVATIONS[workload.activation],
        solver=workload.optimizer,
        alpha=0.0,
        batch_size=workload.batch,
        learning_rate_init=task.learning_rate,
        momentum=0.0,
        nesterovs_momentum=False,
        max_iter=workload.repeats,
        n_iter_no_change=1_000_000,
        random_state=check_random_state(task.seed),  # a plain number would give every partial_fit the same order
    )

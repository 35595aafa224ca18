"""What people do with fastnet, done once with a few numbers, so that the kernels for it are compiled and kept.

Run as a module with a dtype and names of `PURPOSES`, it prints a line for each thing that it begins, and at last the
folder of the kernels.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Steps = Iterator[str]
"""What is done next, told before it is done."""

DTYPES = ("float32", "float64")
N_CLASSES = 3
FOLDER = "kept in "


def _inputs(n_samples: int, n_in: int, dtype: Any, filled: float = 1.0) -> Any:
    rng = np.random.default_rng(0)
    return (rng.random((n_samples, n_in)) * (rng.random((n_samples, n_in)) < filled)).astype(dtype)


def _pixels() -> Any:
    return np.random.default_rng(0).integers(0, 256, (60, 20)).astype(np.uint8)


def _fits(make: Callable[..., Any], target: Callable[[int], Any], dtype: Any) -> None:
    """Fit models of all activations and solvers, to samples of all kinds, and predict with them."""
    from scipy import sparse

    from fastnet.estimators.constraints import ACTIVATIONS

    dense, many, narrow, zeros = (
        _inputs(*shape, dtype, filled)
        for shape, filled in (((60, 20), 1.0), ((600, 20), 1.0), ((60, 300), 1.0), ((60, 100), 0.05))
    )
    for activation in ACTIVATIONS:
        make(activation=activation).fit(dense, target(60))
    for solver in ("adam", "sgd", "adamw"):
        for settings in ({"alpha": 0.0}, {"clip_norm": 1.0}, {"dropout": 0.1}, {"early_stopping": True}):
            make(solver=solver, **settings).fit(dense, target(60))
        for penalty in (0.0, 0.1):
            make(solver=solver, alpha=penalty, batch_size=600).fit(many, target(600))
            make(solver=solver, alpha=penalty, hidden_layer_sizes=(4,)).fit(narrow, target(60))
            make(solver=solver, alpha=penalty).fit(zeros, target(60)).predict(zeros)
            make(solver=solver, alpha=penalty).fit(sparse.csr_array(zeros), target(60))
    for penalty in (0.0, 0.1):
        make(solver="lbfgs", alpha=penalty).fit(dense, target(60))
    model = make().fit(dense, target(60))
    for samples in (dense, dense[:1]):
        model.predict(samples)


def _tables(kind: Any, target: Callable[[int], Any], dtype: Any, **settings: Any) -> None:
    """Fit a model of tables to fewer samples than a block of a batch has, and to more; and predict."""
    for n in (100, 600):
        model = kind((12, 12), n_epochs=1, random_state=0, dtype=dtype, **settings)
        model.fit(_inputs(n, 20, dtype), target(n)).predict(_inputs(n, 20, dtype))


def classifier(dtype: str) -> Steps:
    """MLPClassifier of two and more classes, and that of tables."""
    from fastnet.estimators import MLPClassifier
    from fastnet.estimators.tabular import TabularMLPClassifier

    def make(hidden_layer_sizes: Any = (12,), **settings: Any) -> Any:
        return MLPClassifier(hidden_layer_sizes, max_iter=2, random_state=0, **settings)

    for n_classes in (N_CLASSES, 2):
        yield f"MLPClassifier, {dtype}, {n_classes} classes"
        _fits(make, lambda n, n_classes=n_classes: np.arange(n) % n_classes, dtype)  # type: ignore[misc]
    yield f"TabularMLPClassifier, {dtype}"
    _tables(TabularMLPClassifier, lambda n: np.arange(n) % N_CLASSES, dtype)


def regressor(dtype: str) -> Steps:
    """MLPRegressor of all losses, and that of tables."""
    from fastnet.estimators import MLPRegressor
    from fastnet.estimators.tabular import TabularMLPRegressor

    def make(hidden_layer_sizes: Any = (12,), loss: str = "squared_error", **settings: Any) -> Any:
        return MLPRegressor(loss, hidden_layer_sizes, max_iter=2, random_state=0, **settings)

    yield f"MLPRegressor, {dtype}"
    _fits(make, lambda n: np.arange(n) % 5.0, dtype)
    for loss in ("poisson", "huber", "absolute_error"):
        make(loss=loss).fit(_inputs(60, 20, dtype), np.arange(60) % 5.0)
    yield f"TabularMLPRegressor, {dtype}"
    for loss in ("squared_error", "quantile"):
        _tables(TabularMLPRegressor, lambda n: np.arange(n) % 5.0, dtype, loss=loss)


def train(dtype: str) -> Steps:
    """Trainer, `fastnet train` and recipes: numbers and pixels, all optimizers and losses; then `evaluate`."""
    from fastnet import SGD, Adam, AdamW, Network, Trainer

    yield f"Trainer, {dtype}"
    labels = np.arange(60) % N_CLASSES
    for x in (_inputs(60, 20, dtype), _pixels()):
        for optimizer in (SGD(), SGD(momentum=0.9), Adam(), AdamW()):
            for settings in ({}, {"l2": 0.1}, {"clip_norm": 1.0}, {"dropout": 0.1}):
                network = Network([20, 12, N_CLASSES], dtype=dtype, seed=0)
                trainer = Trainer(network, optimizer, seed=0, **settings)  # type: ignore[arg-type]
                trainer.fit(x, labels, (x, labels), epochs=1)
    for loss in ("softmax_squared_error", "binary_cross_entropy", "squared_error"):
        y = labels if loss.startswith("softmax") else np.eye(N_CLASSES, dtype=dtype)[labels]
        Trainer(Network([20, 12, N_CLASSES], dtype=dtype, seed=0), loss=loss).fit(x, y, (x, y), epochs=1)


def predict(dtype: str) -> Steps:
    """Predictor, and what predicts for many samples: numbers and pixels."""
    from fastnet import Network, Predictor, Trainer
    from fastnet.validation.activations import ACTIVATIONS

    yield f"Predictor, {dtype}"
    for activation in ACTIVATIONS:
        network = Network([20, 12, N_CLASSES], activation, dtype=dtype, seed=0)
        for x in (_inputs(60, 20, dtype), _pixels()):
            Predictor(network, "cross_entropy")(x[0])
            for samples in (x, x[:1]):
                Trainer(network).predict(samples)


def operations(dtype: str) -> Steps:
    """Run the operations of `fastnet.kernels` one by one."""
    from fastnet import kernels
    from fastnet.measure.cases import CASES, run

    yield f"operations, {dtype}"
    for case in CASES:
        run(kernels, case, case.arguments(dtype))


PURPOSES: dict[str, Callable[[str], Steps]] = {
    function.__name__: function for function in (classifier, regressor, train, predict, operations)
}


def main(dtype: str, *names: str) -> None:
    """Do what has these names, in a dtype."""
    from fastnet.compiler.policy import cache_directory
    from fastnet.kernels.step.driver import epochs

    epochs.WORTH_COMPILING = 0
    warnings.filterwarnings("ignore", category=UserWarning)  # that two epochs are few
    warnings.filterwarnings("error", "compiled kernels are not cached")
    for name in names:
        for step in PURPOSES[name](dtype):
            print(step, flush=True)
    print(f"{FOLDER}{cache_directory()}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""L-BFGS over the whole vector of parameters."""

from __future__ import annotations

import time
import warnings
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse
from sklearn.utils.optimize import _check_optimize_result

from fastnet.estimators.fitting.convergence import callbacks_of, say
from fastnet.estimators.fitting.tasks import Tasks
from fastnet.estimators.parameters import views
from fastnet.estimators.validation import inputs, weights_of
from fastnet.training.callbacks import Callbacks
from fastnet.training.history import Epoch
from fastnet.training.samples import Samples

Vector = npt.NDArray[np.float64]


class Objective:
    """The penalised mean loss of all samples and its gradient, in float64 whatever the parameters are kept in.

    The line search compares losses that differ in their last digits: float32 would end it early.
    """

    def __init__(self, model: Any, samples: Samples) -> None:
        y = samples.y.astype(np.float64) if samples.y.dtype.kind == "f" else samples.y
        self.samples = Samples(inputs(samples.X, np.float64), y, samples.weights)
        self.sizes, self.l2, self.divisor = model._sizes(), float(model.alpha), model._loss_divisor()
        self.value = partial(
            model._backend().loss_gradient, sizes=self.sizes, activations=model._activations(), loss=model._loss(),
            n_threads=model.n_threads,
        )  # fmt: skip
        self.in_parts = sparse.issparse(samples.X)

    def __call__(self, parameters: Vector) -> tuple[float, Vector]:
        """Return the loss and the gradient."""
        if not self.in_parts and self.divisor == 1:
            X, y, weights = self.samples
            loss, gradient = self.value(parameters, X, y, sample_weight=weights, l2=self.l2)
            return loss, gradient
        return self._by_parts(parameters)

    def _by_parts(self, parameters: Vector) -> tuple[float, Vector]:
        """Add up parts of the samples, and the penalty, which is not divided by the number of outputs."""
        from fastnet.reference.step import passes

        n, weights = len(self.samples.y), self.samples.weights
        total = float(n) if weights is None else float(weights.sum())
        loss, gradient = 0.0, np.zeros_like(parameters)
        step = self.samples.most_rows()
        for start in range(0, n, step):
            x, y, w = self.samples.take(np.arange(start, min(start + step, n))).dense()
            share = (len(y) if w is None else w.sum()) / total
            if share:
                mean, part = self.value(parameters, x, y, sample_weight=w)
                loss += share * mean / self.divisor
                gradient += share * part
        layers, gradients = passes.layers_of(parameters, self.sizes), passes.layers_of(gradient, self.sizes)
        return loss + passes.add_penalty(layers, gradients, self.l2, total), gradient


def loss_gradient(model: Any, packed: Any, X: Any, y: Any, weights: Any) -> tuple[float, Vector]:
    """Return the loss and its gradient for parameters that a model is given; all weights come before all biases."""
    sizes, packed = model._sizes(), np.asarray(packed, np.float64)
    n_weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    if packed.shape != (n_weights + sum(sizes[1:]),):
        raise ValueError(
            f"packed_coef_inter must be {n_weights} weights and {sum(sizes[1:])} biases, got {packed.shape}"
        )
    model._own_parameters()
    cuts = np.cumsum([n_in * n_out for n_in, n_out in pairwise(sizes)] + list(sizes[1:-1]))
    parts = np.split(packed, cuts)
    for own, part in zip((*model.coefs_, *model.intercepts_), parts, strict=True):
        own[...] = part.reshape(own.shape)
    samples = Samples(X, model._encoded(y), weights_of(weights, len(y)))
    loss, gradient = Objective(model, samples)(model._flat().astype(np.float64))
    coefs, intercepts = views(gradient, sizes)
    return loss, np.concatenate([part.ravel() for part in (*coefs, *intercepts)])


def minimize(model: Any, samples: Samples) -> None:
    """Fit the parameters of a model, in place."""
    objective, told = Objective(model, samples), callbacks_of(model, Tasks.of(model, samples), [], [])
    report, model.n_iter_ = _Report(model, told), 0
    try:
        if told.tell("on_train_begin"):
            return
        result = optimize.minimize(
            objective, model._parameters.astype(np.float64), method="L-BFGS-B", jac=True, callback=report,
            options={"maxfun": model.max_fun, "maxiter": model.max_iter, "gtol": model.tol},
        )  # fmt: skip
        model._parameters[...] = result.x
        model.loss_, model.n_iter_ = float(result.fun), min(int(result.nit), model.max_iter)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        return
    finally:
        told.tell("on_train_end")
    if not report.stopped:
        _check_optimize_result("lbfgs", result, model.max_iter)  # warns unless it has converged


class _Report:
    """Keep each iterate, tell the callbacks of it, and stop if they ask to."""

    def __init__(self, model: Any, told: Callbacks) -> None:
        self.model, self.told, self.stopped = model, told, False
        self.began = self.last = time.perf_counter()

    def __call__(self, intermediate_result: optimize.OptimizeResult) -> None:
        model, now = self.model, time.perf_counter()
        model._parameters[...] = intermediate_result.x
        model.n_iter_ += 1
        model.loss_ = float(intermediate_result.fun)
        say(model, f"Iteration {model.n_iter_}, loss = {model.loss_:.8f}")
        seconds, self.last = now - self.last, now
        epoch = Epoch(model.n_iter_, model.loss_, None, None, seconds, 0.0, model.n_iter_, elapsed=now - self.began)
        if self.told.tell("on_epoch_end", epoch):
            self.stopped = True
            raise StopIteration

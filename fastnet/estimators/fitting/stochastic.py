"""Epochs of minibatch descent, with scikit-learn's order of samples, reports and reasons to stop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from fastnet.estimators.fitting.held_out import HeldOut
from fastnet.estimators.fitting.samples import Samples
from fastnet.estimators.fitting.schedules import Schedule
from fastnet.estimators.fitting.watch import Watch, count_epochs, say, watching

Array = npt.NDArray[Any]

CHUNK_FLOP = 5_000_000_000
"""Work between two looks at Python, for Ctrl-C, callbacks and limits of time: some tens of milliseconds."""

UPDATE_FLOP = 100
"""Operations that could be done while a weight is updated, which mostly waits for memory."""


@dataclass
class OptimizerState:
    """What goes on from one call of `partial_fit` to the next."""

    name: str
    settings: tuple[Any, ...]  # those after the learning rate
    slots: tuple[Array, ...]
    schedule: Schedule
    step: int = 0

    @classmethod
    def of(cls, model: Any) -> OptimizerState:
        """Begin as an estimator's parameters ask for."""
        settings: tuple[Any, ...] = (float(model.beta_1), float(model.beta_2), float(model.epsilon))
        name, n_slots = model.solver, 2
        if name == "adamw":
            settings = (*settings, float(model.weight_decay))
        elif name == "sgd" and model.momentum > 0:
            name, n_slots, settings = "momentum", 1, (float(model.momentum), bool(model.nesterovs_momentum))
        elif name == "sgd":
            n_slots, settings = 0, ()
        slots = tuple(np.zeros_like(model._parameters) for _ in range(n_slots))
        return cls(name, settings, slots, Schedule.of(model))

    def own_slots(self) -> None:
        """Leave read-only memory, such as that of a model which was mapped from a file."""
        self.slots = tuple(slot if slot.flags.writeable else np.array(slot) for slot in self.slots)


class Descent:
    """One fit: everything that is the same for all epochs is made ready once."""

    def __init__(self, model: Any, samples: Samples, rows: Array, held_out: HeldOut | None) -> None:
        self.model, self.samples, self.rows, self.held_out = model, samples, rows, held_out
        self.state: OptimizerState = model._optimizer
        self.batch_size = _batch_size(model.batch_size, len(rows))
        sizes = model._sizes()
        n_batches = CHUNK_FLOP // self._step_flop(sizes)
        if samples.in_parts():
            n_batches = min(n_batches, samples.most_rows() // self.batch_size)
        self.chunk = max(1, n_batches) * self.batch_size
        dropout = model._dropout_rates()
        self.common = {
            "parameters": model._parameters, "state": self.state.slots, "sizes": sizes,
            "activations": model._activations(), "loss": model._loss(), "batch_size": self.batch_size,
            "clip_norm": model.clip_norm, "clip_value": model.clip_value, "l2": float(model.alpha), "dropout": dropout,
            "seed": int(model._random_state.randint(2**63, dtype=np.int64)) if dropout else 0,
            "n_threads": model.n_threads,
        }  # fmt: skip
        self.train = self._train_parts if samples.in_parts() else self._prepare()
        self.has_idle = samples.weights is not None and not samples.weights.all()
        self.divisor = model._loss_divisor()

    def _step_flop(self, sizes: Sequence[int]) -> int:
        """Count the operations of a step, about."""
        X, n_weights = self.samples.X, sum(n_in * n_out for n_in, n_out in pairwise(sizes))
        n_products = n_weights
        if self.samples.is_sparse() and not self.samples.in_parts():
            n_products += (X.nnz // max(X.shape[0], 1) - sizes[0]) * sizes[1]
        return 6 * n_products * self.batch_size + UPDATE_FLOP * n_weights

    def _prepare(self) -> Callable[..., Any]:
        """Prepare epochs over all samples."""
        X, y, weights = self.samples
        optimizer = (self.state.name, self.state.schedule.rate(), *self.state.settings)
        prepare = self.model._backend().prepare_training
        epoch: Callable[..., Any] = prepare(x=X, y=y, sample_weight=weights, optimizer=optimizer, **self.common)
        if self.model.max_time is not None:
            epoch(np.empty(0, np.int64))  # compiles, before the clock starts
        return epoch

    def _train_parts(self, rows: Array, step: int, lr: float) -> Any:
        """Make some of the sparse samples dense and train on them."""
        x, y, weights = self.samples.take(rows).dense()
        optimizer, order = (self.state.name, lr, *self.state.settings), np.arange(len(rows))
        train = self.model._backend().train_epoch
        return train(x=x, y=y, order=order, sample_weight=weights, optimizer=optimizer, step=step, **self.common)

    def run(self, incremental: bool) -> None:
        """Train until it is time to stop."""
        model = self.model
        model.n_iter_ = 0
        # Where nothing has been validated, the parameters stay as they are.
        best = model._parameters.copy() if model.early_stopping else None
        try:
            with watching(model) as watch:
                for _ in range(1 if incremental else model.max_iter):
                    if self._epoch(watch, best):
                        break
                else:
                    if not incremental:
                        warnings.warn(
                            f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) reached and the optimization "
                            "hasn't converged yet.",
                            ConvergenceWarning,
                            stacklevel=2,
                        )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        if best is not None and model.best_validation_score_ > -np.inf:
            model._parameters[...] = best

    def _epoch(self, watch: Watch, best: Array | None) -> bool:
        """Train one epoch and look at it; return whether it was the last."""
        model, schedule = self.model, self.state.schedule
        rate = schedule.rate()
        loss_sum, n_seen, stop = self._steps(rate, watch)
        model.n_iter_ += 1
        model.loss_ = loss_sum / n_seen
        model.t_ += n_seen
        model.loss_curve_.append(model.loss_)
        say(model, f"Iteration {model.n_iter_}, loss = {model.loss_:.8f}")
        validation = None if self.held_out is None else self.held_out.evaluate()
        if count_epochs(model, validation) and best is not None:
            best[...] = model._parameters
        schedule.epoch_ends(model.t_, model._no_improvement_count)
        stop = watch.epoch(rate, validation or (None, None), n_seen) or stop
        if model._no_improvement_count > model.n_iter_no_change:
            stop = self._has_converged() or stop
        return stop

    def _steps(self, rate: float, watch: Watch) -> tuple[float, int, bool]:
        """Go once through the samples; return the sum of losses, the samples, and whether to stop."""
        if self.model.shuffle:
            self.model._random_state.shuffle(self.rows)  # the draws of sklearn.utils.shuffle
        state, n_samples, loss_sum = self.state, len(self.rows), 0.0
        for start in range(0, n_samples, self.chunk):
            rows = self.rows[start : start + self.chunk]
            order = self._weighty(rows) if self.has_idle else rows
            totals = self.train(order, state.step, rate)
            loss_sum += totals.loss_sum / self.divisor + totals.penalty_sum
            state.step += -(-len(order) // self.batch_size)
            n_done = start + len(rows)
            if watch.chunk(n_done, n_samples):
                return loss_sum, n_done, True
        return loss_sum, n_samples, False

    def _weighty(self, rows: Array) -> Array:
        """Leave out batches whose weights are all zero: they have no mean to descend."""
        assert self.samples.weights is not None
        starts = np.arange(0, len(rows), self.batch_size)
        idle = np.add.reduceat(self.samples.weights[rows], starts) == 0
        kept: Array = rows[~np.repeat(idle, self.batch_size)[: len(rows)]]
        return kept

    def _has_converged(self) -> bool:
        model = self.model
        what = "Validation score" if model.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={model.tol:f} for {model.n_iter_no_change} consecutive epochs."
        schedule = self.state.schedule
        if schedule.goes_on():
            model._no_improvement_count = 0
            say(model, f"{message} Setting learning rate to {schedule.current:f}")
            return False
        small = " Learning rate too small." if schedule.kind == "adaptive" else ""
        say(model, f"{message}{small} Stopping.")
        return True


def _batch_size(asked: Any, n_samples: int) -> int:
    if isinstance(asked, str):
        return min(200, n_samples)
    if asked > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
        )
    return min(int(asked), n_samples)

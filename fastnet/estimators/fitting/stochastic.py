"""Minibatch descent by the training loop, with scikit-learn's order of samples, schedules and reasons to stop."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from fastnet.estimators.fitting.convergence import Bookkeeping, Converged, callbacks_of
from fastnet.estimators.fitting.held_out import HeldOut
from fastnet.estimators.fitting.schedules import EpochRates
from fastnet.estimators.fitting.tasks import Tasks
from fastnet.optimizers import SGD, Adam, AdamW, Optimizer
from fastnet.training.loop import Layers, Task, TrainingLoop
from fastnet.training.plan import Plan
from fastnet.training.samples import Samples
from fastnet.training.settings import TrainingSettings
from fastnet.training.state import TrainingState
from fastnet.validation import training as checks

Array = npt.NDArray[Any]


@dataclass
class Solver:
    """What goes on from one call of `partial_fit` to the next."""

    optimizer: Optimizer
    rates: EpochRates
    state: TrainingState

    @classmethod
    def of(cls, model: Any) -> Solver:
        """Begin as an estimator's parameters ask for."""
        optimizer = optimizer_of(model)
        return cls(optimizer, EpochRates.of(model), TrainingState.begin(model._parameters, TrainingSettings(optimizer)))

    @property
    def learning_rate(self) -> float:
        """The rate of the epoch that comes next; by Adam that of the last step, with its correction of the means' bias.

        So it is in scikit-learn. What it is set to holds until a schedule changes it.
        """
        rate, step, optimizer = self.rates.rate(), self.state.step, self.optimizer
        if not isinstance(optimizer, Adam | AdamW) or not step:
            return rate
        return float(rate * np.sqrt(1 - optimizer.beta2**step) / (1 - optimizer.beta1**step))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.learning_rate_init = value

    @property
    def learning_rate_init(self) -> float:
        """The rate that schedules begin with."""
        return self.rates.initial

    @learning_rate_init.setter
    def learning_rate_init(self, value: float) -> None:
        checks.positive("learning_rate", value)
        self.rates.initial = self.rates.current = float(value)

    def own(self, parameters: Array) -> TrainingState:
        """Return the state with an estimator's parameters, out of read-only memory such as that of a mapped file.

        Weights set by hand may be of another dtype; if there are more or fewer of them, nothing is known of their past.
        """
        state = self.state
        if any(one.size != parameters.size for one in state.vectors.values()):
            state = self.state = TrainingState.begin(parameters, TrainingSettings(self.optimizer))
        state.parameters = parameters
        for name, one in state.vectors.items():
            if not one.flags.writeable or one.dtype != parameters.dtype:
                state.vectors[name] = np.array(one, parameters.dtype)
        return state

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the parameters, which the estimator stores."""
        return {**vars(self), "state": replace(self.state, parameters=np.empty(0))}


def records(model: Any) -> dict[str, Any]:
    """Return what the epochs of an estimator are noted in, as it is before the first one."""
    return {
        "loss_curve_": [], "_no_improvement_count": 0, "best_loss_": None if model.early_stopping else np.inf,
        "validation_scores_": None, "validation_loss_curve_": None, "best_validation_score_": None,
    }  # fmt: skip


class ShuffledRows:
    """scikit-learn's order of samples: the rows of the epoch before, shuffled again."""

    def __init__(self, rows: Array, random_state: np.random.RandomState | None) -> None:
        self._rows, self._random_state = rows, random_state
        self.remaining = rows[:0]

    def take(self, count: int) -> Array:
        """Return the next rows; none are taken beyond the end of an epoch."""
        if not self.remaining.size:
            if self._random_state is not None:
                self._random_state.shuffle(self._rows)  # the draws of sklearn.utils.shuffle
            self.remaining = self._rows
        taken, self.remaining = self.remaining[:count], self.remaining[count:]
        return taken


def optimizer_of(model: Any) -> Optimizer:
    """Return the optimizer that an estimator's parameters ask for."""
    lr, betas = float(model.learning_rate_init), (float(model.beta_1), float(model.beta_2), float(model.epsilon))
    if model.solver == "sgd":
        return SGD(lr, float(model.momentum), bool(model.nesterovs_momentum))
    return Adam(lr, *betas) if model.solver == "adam" else AdamW(lr, float(model.weight_decay), *betas)


def settings_of(model: Any, optimizer: Optimizer, n_samples: int) -> TrainingSettings:
    """Return the settings that an estimator's parameters ask for; its seed, order and rates are scikit-learn's."""
    return TrainingSettings(
        optimizer, model._loss(), _batch_size(model.batch_size, n_samples), model.backend, model.n_threads,
        clip_norm=model.clip_norm, clip_value=model.clip_value, l2=float(model.alpha), dropout=model._dropout(),
    )  # fmt: skip


def descend(model: Any, samples: Samples, rows: Array, held_out: HeldOut | None, incremental: bool) -> None:
    """Train an estimator on some of the samples until it is time to stop."""
    solver: Solver = model._optimizer
    state = solver.own(model._parameters)
    settings, layers = settings_of(model, solver.optimizer, len(rows)), Layers(model._sizes(), model._activations())
    state.mask_seed = int(model._random_state.randint(2**63, dtype=np.int64)) if np.any(settings.dropout) else 0
    assert settings.batch_size is not None
    plan = Plan(False, settings.batch_size, len(rows), 1 if incremental else int(model.max_iter), 1)
    state.epoch = 0
    state.start_run(plan, len(samples.y))
    tasks = None if incremental else Tasks.of(model, samples)
    loop = TrainingLoop(
        Task(layers, settings, state, samples._replace(y=model._smoothed(samples.y))), plan,
        ShuffledRows(rows, model._random_state if model.shuffle else None), solver.rates,
        callbacks_of(model, tasks, [Bookkeeping(solver.rates, None)], [Converged(solver.rates)]),
        validate=None if held_out is None else held_out.evaluate, loss_divisor=model._loss_divisor(),
        must_be_finite=False,
    )  # fmt: skip
    if model.max_time is not None:
        loop.compile()  # before the clock starts
    try:
        for _ in loop:
            pass
        if not loop.stopped and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    finally:
        state.remaining = np.empty(0, np.int64)  # each fit begins with all samples


def _batch_size(asked: Any, n_samples: int) -> int:
    if isinstance(asked, str):
        return min(200, n_samples)
    if asked > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
        )
    return min(int(asked), n_samples)

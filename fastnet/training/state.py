"""What a run needs to go on, beside its settings: parameters, counters, randomness. Checkpoints keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.output.reprs import short_repr
from fastnet.training.plan import Plan
from fastnet.training.settings import TrainingSettings
from fastnet.validation import settings as checks
from fastnet.validation import training as training_checks

Array = npt.NDArray[Any]
Order = npt.NDArray[np.int64]


class RunStart(NamedTuple):
    """Where a run began, and what it must have in common with one that resumes it."""

    step: int
    epoch: int
    n_samples: int
    n_batch: int
    by_steps: bool

    def __str__(self) -> str:
        return f"{'steps' if self.by_steps else 'epochs'} over {self.n_samples} samples in batches of {self.n_batch}"


@dataclass
class Best:
    """Parameters at the least validation loss, and how many times metrics have been taken since."""

    loss: float = math.inf
    stalled: int = 0
    parameters: Array | None = None

    __repr__ = short_repr

    def note(self, loss: float, parameters: Array) -> None:
        """Keep the parameters if their validation loss is the least, else count."""
        if loss < self.loss:
            self.loss, self.stalled, self.parameters = loss, 0, parameters.copy()
        else:
            self.stalled += 1


def _no_indices() -> Order:
    return np.empty(0, np.int64)


@dataclass
class TrainingState:
    """Parameters, the optimizer's memory, counters and randomness of a run.

    Attributes
    ----------
    parameters : ndarray
        The network's vector itself.
    vectors : dict of str to ndarray
        State of the optimizer: `m` and `v`, or `velocity`.
    generator : numpy.random.Generator
        Draws the order of samples.
    mask_seed : int
        Seed of dropout.
    step, epoch : int
        Steps, and epochs or logging intervals, so far.
    used : int
        Samples of the run, since its start, that steps have been taken with.
    remaining : ndarray of int64
        Remaining indices: what a shuffle has still to give.
    run_start : RunStart or None
        Where the run began that may be resumed.
    best : Best or None
        The best parameters so far, where training watches for them.

    Examples
    --------
    >>> from fastnet.training.settings import TrainingSettings
    >>> TrainingState.begin(np.zeros(3), TrainingSettings(seed=0)).vectors
    {'m': array([0., 0., 0.]), 'v': array([0., 0., 0.])}
    """

    parameters: Array
    vectors: dict[str, Array]
    generator: np.random.Generator
    mask_seed: int = 0
    step: int = 0
    epoch: int = 0
    used: int = 0
    remaining: Order = field(default_factory=_no_indices)
    run_start: RunStart | None = None
    best: Best | None = None

    __repr__ = short_repr

    @classmethod
    def begin(cls, parameters: Array, settings: TrainingSettings) -> TrainingState:
        """Return the state before the first step."""
        vectors = {name: np.zeros_like(parameters) for name in settings.optimizer.state_names}
        mask_seed = int(np.random.default_rng(settings.seed).integers(1 << 63)) if np.any(settings.dropout) else 0
        return cls(parameters, vectors, np.random.default_rng(settings.seed), mask_seed)

    def start_run(self, plan: Plan, n_samples: int, resume: bool = False) -> None:
        """Note where a run begins, unless it resumes another one, whose samples and batches must be the same."""
        start = RunStart(self.step, self.epoch, n_samples, plan.n_batch, plan.by_steps)
        if not resume or self.run_start is None:
            self.run_start, self.best, self.used = start, None, 0
            if not start.by_steps:
                self.remaining = _no_indices()
        elif start[2:] != self.run_start[2:]:
            raise ValueError(f"resume: expected {self.run_start} as before, got {start}")

    def counters(self) -> dict[str, Any]:
        """Return what is no array, JSON-ready."""
        best = self.best if self.best is not None and self.best.parameters is not None else None
        return {
            "step": self.step, "epoch": self.epoch, "used": self.used, "run_start": self.run_start,
            "mask_seed": self.mask_seed, "generator": self.generator.bit_generator.state,
            "best": None if best is None else (best.loss, best.stalled),
        }  # fmt: skip

    def arrays(self) -> dict[str, Array]:
        """Return parameters, the optimizer's state, remaining indices, and the best parameters."""
        found = {"parameters": self.parameters, **self.vectors, "remaining": self.remaining}
        if self.best is not None and self.best.parameters is not None:
            found["best"] = self.best.parameters
        return found

    def restore(self, counters: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take over what `counters` and `arrays` returned.

        Raises
        ------
        TypeError, ValueError, KeyError
            If it does not fit the parameters and the optimizer.
        """
        for name in ("step", "epoch", "used", "mask_seed"):
            training_checks.whole(name, counters[name], 0)
        for name in ["parameters", *self.vectors, *(["best"] if counters["best"] else [])]:
            if arrays[name].shape != self.parameters.shape or arrays[name].dtype != self.parameters.dtype:
                raise ValueError(f"{name} must be as long as the network's parameters, and of their dtype")
        self.run_start = None if counters["run_start"] is None else RunStart(*counters["run_start"])
        n_samples = 0 if self.run_start is None else self.run_start.n_samples
        checks.indices("remaining", arrays["remaining"], n_samples)
        self.remaining = arrays["remaining"].copy()
        self.parameters[:] = arrays["parameters"]
        self.vectors = {name: arrays[name].copy() for name in self.vectors}
        self.best = None
        if counters["best"]:
            loss, stalled = counters["best"]
            self.best = Best(loss, stalled, arrays["best"].copy())
        self.step, self.epoch, self.used = counters["step"], counters["epoch"], counters["used"]
        self.mask_seed, self.generator.bit_generator.state = counters["mask_seed"], counters["generator"]

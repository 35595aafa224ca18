"""Epochs over the same samples: working memory and stages are prepared once, and used as often as is asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.kernels.runtime import arrays
from fastnet.kernels.runtime.pace import make_pace
from fastnet.kernels.runtime.stages import NotCompiledError, nothing_compiled
from fastnet.kernels.step.driver.teams import Task, Team, flop_per_sample, make_samples, training_state
from fastnet.kernels.step.first_layer import kinds
from fastnet.kernels.tile import products
from fastnet.machine.threads import employ
from fastnet.reference.training import Totals
from fastnet.validation import groups as group_checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import FloatArray, IntArray

FRACTION_TO_DESCRIBE = 0.1
"""Fraction of the samples from which on it pays to describe all of them."""

FLOP_PER_HELPER = 3_000_000
"""Work of a call that is worth a thread of its own: less than elsewhere, for calls follow one another, their helpers
stay awake in between, and a team that does not pay becomes smaller."""

WORTH_COMPILING = 1.0
"""Seconds of training after which kernels for described samples are compiled, if they never were: a third of what that
takes."""


class Data(NamedTuple):
    """Samples: inputs, labels or targets, the factor on inputs, and weights if there are any."""

    x: Any  # array or CSR matrix
    y: npt.NDArray[Any]
    scale: float = 1.0
    weights: npt.NDArray[np.float64] | None = None


class Epochs:
    """What takes an epoch of a task when it is called; arguments have been checked, but for those of the call."""

    def __init__(
        self,
        task: Task,
        parameters: FloatArray,
        optimizer_state: Sequence[FloatArray],
        data: Data,
        n_threads: int | None,
    ) -> None:
        self._task, self._vectors, self._data, self._n_threads = task, (parameters, *optimizer_state), data, n_threads
        self._work = [v if v.flags.c_contiguous else v.copy() for v in self._vectors]
        self._described = self._describe(data.x) if training_checks.is_csr(data.x) else None
        self._n_seen, self._seconds, self._flop_per_thread = 0, 0.0, FLOP_PER_HELPER
        self._pays: bool | None = None if task.groups is None else False  # to describe the samples; None: not known
        self._was_tried = self._is_compiling = self._is_compiled = False
        self._teams: dict[int, tuple[Team, npt.NDArray[np.int64]]] = {}
        products.threads_for(0, n_threads)  # rejects what cannot be used

    def once(self, order: IntArray, step: int = 0) -> Totals:
        """Take the steps of an epoch after which there is no other: it pays later to have helpers come."""
        self._flop_per_thread = products.FLOP_PER_THREAD
        return self(order, step)

    def __call__(self, order: IntArray, step: int = 0, lr: float | npt.NDArray[np.float64] | None = None) -> Totals:
        """Take the steps of an epoch."""
        team = self.begin(order, step, lr)
        start = time.perf_counter()
        team.run()
        self._seconds += time.perf_counter() - start
        return self.end(team)

    def begin(self, order: IntArray, step: int, lr: float | npt.NDArray[np.float64] | None) -> Team:
        """Check what an epoch is asked for with, and let a team know it."""
        parameters, *optimizer_state = self._vectors
        training_checks.samples_order(order, self._data.x.shape[0], parameters, tuple(optimizer_state))
        training_checks.whole("step", step, 0)
        if lr is not None:
            group_checks.rates(lr, -(-order.size // self._task.batch_size))
        self._use_description(order.size)
        team = self.team(order.size)
        run, memory = team.state.run, team.state.memory
        self._teams[order.size][1][:] = order
        memory.progress[0], memory.totals[:], memory.ticks[:] = step, 0, 0
        if self._task.optimizer:
            run.rates_of_steps[:] = self._task.optimizer[1] if lr is None else lr
        self._copy(self._vectors, self._work)
        return team

    def end(self, team: Team) -> Totals:
        """Return what a team's epoch came to, when its results are where they belong."""
        self._copy(self._work, self._vectors)
        totals = team.state.memory.totals
        return Totals(float(totals[0, 0]), int(totals[:, 1].sum()), float(totals[0, 2]))

    def _use_description(self, n_samples: int) -> None:
        """Describe samples for a first layer that is then faster, as soon as a good part of them have been asked for.

        Not before kernels for that are at hand, though; results are the same bits. An epoch of no samples loads them.
        """
        x = self._data.x
        self._n_seen += n_samples
        if self._described is not None or self._pays is False or 0 < self._n_seen < len(x) * FRACTION_TO_DESCRIBE:
            return
        if self._pays is None:
            self._pays = kinds.pays_to_describe(x, int(self._task.sizes[1]), self._work[0].dtype)
        if self._pays and self._can_use_description() and self._n_seen > 0:
            self._described = self._describe(x)
            self._teams.clear()

    def _can_use_description(self) -> bool:
        """Tell whether the kernels for that are at hand; have them compiled by another thread if they are worth it."""
        if self._seconds < WORTH_COMPILING:
            if not self._was_tried:
                self._was_tried = True
                with suppress(NotCompiledError), nothing_compiled():
                    self._compile()
        elif WORTH_COMPILING == 0:
            self._compile()
        elif not self._is_compiling:
            self._is_compiling = True
            employ(self._compile)
        return self._is_compiled

    def _compile(self) -> None:
        """Load or compile the kernels for described samples."""
        parameters, *optimizer_state = self._work
        x, y, scale, weights = self._data
        none = kinds.describe_none(x.shape[1], parameters.dtype)
        samples = make_samples(x[:0], y[:0], np.empty(0, np.int64), scale, parameters.dtype, weights)
        training_state(self._task, parameters, optimizer_state, samples, 1, none)
        self._describe(x[:1])
        self._is_compiled = True

    def _describe(self, x: Any) -> Any:
        """Describe samples, of an array or a CSR matrix."""
        n_out, dtype = int(self._task.sizes[1]), self._work[0].dtype
        return kinds.describe(x, n_out, self._data.scale, dtype, self._n_threads)

    def team(self, n_samples: int) -> Team:
        """Return the team for so many samples: epochs have one length, and perhaps another at their end."""
        if n_samples not in self._teams:
            if len(self._teams) > 1:
                self._teams.clear()
            self._teams[n_samples] = self._make_team(n_samples)
        return self._teams[n_samples][0]

    def _make_team(self, n_samples: int) -> tuple[Team, npt.NDArray[np.int64]]:
        """Make a team, and the vector from which it reads the order of the samples."""
        places = arrays.empty(n_samples, np.int64)
        parameters, *optimizer_state = self._work
        x, y, scale, weights = self._data
        if training_checks.is_csr(x):
            x = np.empty((0, x.shape[1]), parameters.dtype)
        samples = make_samples(x, y, places, scale, parameters.dtype, weights)
        flop = 3 * flop_per_sample(self._task.sizes) * n_samples
        n_threads = products.threads_for(flop, self._n_threads, self._flop_per_thread)
        task, described = self._task, self._described
        state = training_state(task, parameters, optimizer_state, samples, n_threads, described)
        steps = (*task.sizes, task.batch_size, *task.optimizer[:1], parameters.dtype, described is not None)
        return Team(state, n_threads, make_pace(n_threads, steps)), places

    @staticmethod
    def _copy(sources: Sequence[FloatArray], targets: Sequence[FloatArray]) -> None:
        """Copy vectors that kernels cannot use as they lie."""
        for source, target in zip(sources, targets, strict=True):
            if source is not target:
                target[...] = source

"""The one training loop: steps taken chunk by chunk, rates set, metrics taken, callbacks told.

Trainers, recipes and estimators all train here. They differ in the order of samples, in the rates, and in the callbacks
that end a run, which they bring along.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fastnet.distributed import agreement
from fastnet.distributed.connecting import connect, threads_of
from fastnet.distributed.gradients import Problem
from fastnet.distributed.steps import ShardedSteps
from fastnet.inference import Evaluation, accuracy
from fastnet.network import Network
from fastnet.reference.training import Totals
from fastnet.training.callbacks import Callbacks
from fastnet.training.history import Epoch
from fastnet.training.plan import Plan
from fastnet.training.samples import Order, SampleOrder, Samples
from fastnet.training.schedules import Rates
from fastnet.training.settings import TrainingSettings
from fastnet.training.state import TrainingState

CHUNK_FLOP = 5_000_000_000
"""Work between two looks at Python, for Ctrl-C, callbacks and limits of time: some tens of milliseconds."""

UPDATE_FLOP = 100
"""Operations that could be done while a weight is updated, which mostly waits for memory."""

RATES_PER_EPOCH = 32
"""Learning rates that a schedule gives in an epoch of many steps, about."""

Validate = Callable[[], tuple[Evaluation, float | None]]
"""What evaluates the validation data: its loss and accuracy, and a score if there is one beside."""


class Layers(NamedTuple):
    """What the kernels want to know of a network, beside its parameters."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    input_scale: float = 1.0
    bias: bool = True

    @classmethod
    def of(cls, network: Network) -> Layers:
        """Return those of a network."""
        return cls(network.sizes, network.activations, network.input_scale, network.bias)


class Task(NamedTuple):
    """What is trained, how, from where on, and with what; `join` makes its steps part of those of others."""

    network: Layers
    settings: TrainingSettings
    state: TrainingState
    samples: Samples
    join: Callable[[Callable[..., Totals]], Callable[..., Totals]] | None = None

    def prepare(self, n_batch: int) -> Callable[..., Totals]:
        """Return what takes steps over some of the samples: `steps(order, step, lr)`."""
        network, settings, state, samples, join = self
        if samples.in_parts():
            return lambda order, step=0, lr=None: self._part(order).prepare(n_batch)(np.arange(len(order)), step, lr)
        steps: Callable[..., Totals] = settings.kernels.prepare_training(
            state.parameters, tuple(state.vectors.values()), samples.X, samples.y, network.sizes, network.activations,
            settings.loss, settings.optimizer.as_tuple(), n_batch, network.input_scale, settings.clip_norm,
            settings.clip_value, samples.weights, settings.l2,
            settings.dropout_rates(len(network.activations)) or None, state.mask_seed, network.bias,
            n_threads=settings.n_threads,
        )  # fmt: skip
        return steps if join is None else join(steps)

    def in_shards(self, n_batch: int) -> ShardedSteps | None:
        """Return what takes steps in shards, if that is asked for."""
        network, settings, state, samples, _ = self
        if settings.shards is None:
            return None
        if samples.in_parts():
            raise ValueError("shards: X is a sparse matrix too large to be trained on in shards")
        ranks = connect(settings.ranks, settings.shards)
        problem = Problem(
            settings.kernels, state.parameters, tuple(state.vectors.values()), samples.X, samples.y, samples.weights,
            network.sizes, network.activations, network.input_scale, network.bias, settings.loss,
            settings.optimizer.as_tuple(), settings.clip_norm, settings.clip_value, settings.l2,
            settings.dropout_rates(len(network.activations)), state.mask_seed, threads_of(ranks, settings.n_threads),
        )  # fmt: skip
        return ShardedSteps(problem, n_batch, ranks)

    def _part(self, order: Order) -> Task:
        """Return the task of some of the samples, made dense."""
        return self._replace(samples=self.samples.take(order).dense())


class TrainingLoop:
    """What takes the steps of a plan; iterating over it trains, and gives the metrics of each logging interval.

    Parameters
    ----------
    task : Task
        What is trained, how, and with what.
    plan : Plan
        How long, in which batches.
    order : SampleOrder
        Which samples come next.
    rates : Rates
        The learning rates.
    callbacks : Callbacks
        Who is told, and may end it.
    validate : callable, optional
        What evaluates validation data when metrics are taken.
    loss_divisor : int, default 1
        By which the loss is divided to be reported, but not the penalty.
    must_be_finite : bool, default True
        Whether a loss or parameters that are not finite are an error as soon as metrics are taken.
    """

    def __init__(
        self, task: Task, plan: Plan, order: SampleOrder, rates: Rates, callbacks: Callbacks, *,
        validate: Validate | None = None, loss_divisor: int = 1, must_be_finite: bool = True,
    ) -> None:  # fmt: skip
        self._task, self._state, self._plan, self._order, self._rates = task, task.state, plan, order, rates
        self._tell, self._validate, self._loss_divisor = callbacks.tell, validate, loss_divisor
        self._on_all_ranks = callbacks.on_all_ranks
        self._must_be_finite = must_be_finite
        self._sharded = task.in_shards(plan.n_batch)
        self._steps = self._sharded or task.prepare(plan.n_batch)
        self._chunk = self._chunk_samples()
        self._rate, self._n_weighty, self._stopped = math.nan, 0, False

    def compare_ranks(self, validation: Samples | None) -> None:
        """Refuse to train with ranks that have other settings, data or parameters than this one."""
        if self._sharded is None or self._sharded.ranks.size == 1:
            return
        network, settings, state, samples, _ = self._task
        told = {f"settings.{name}": value for name, value in vars(settings).items() if name != "n_threads"}
        told |= {
            "plan": self._plan,
            "callbacks": self._on_all_ranks,
            **network._asdict(),
            **{f"state.{k}": v for k, v in state.counters().items()},
        }
        told |= {f"state.{name}": vector for name, vector in state.arrays().items()} | samples._asdict()
        told |= {f"validation {name}": part for name, part in (validation or samples)._asdict().items()}
        agreement.compare(self._sharded.ranks, agreement.versions() | told)

    def compile(self) -> None:
        """Compile kernels, or load them, by training on no samples."""
        self._steps(np.empty(0, np.int64))

    def validation_loss(self) -> float:
        """Evaluate the validation data before the next step."""
        assert self._validate is not None
        return self._validate()[0].loss

    @property
    def stopped(self) -> bool:
        """Whether a callback has wanted the end."""
        return self._stopped

    def __iter__(self) -> Iterator[Epoch]:
        """Train, and yield the metrics of each logging interval before callbacks are told of them."""
        began = time.perf_counter()
        try:
            self._stopped = self._is_end_wanted("on_train_begin")
            while not self._stopped and self._state.used < self._plan.n_samples:
                epoch = self._interval(began)
                yield epoch
                self._stopped = self._is_end_wanted("on_epoch_end", epoch) or self._stopped
        finally:
            self._tell("on_train_end")

    def _interval(self, began: float) -> Epoch:
        """Train until metrics are due, or the end is wanted, and take them."""
        start, first, state = time.perf_counter(), self._state.used, self._state
        totals = self._train()
        seconds, n = time.perf_counter() - start, state.used - first
        loss_sum = totals.loss_sum / self._loss_divisor + totals.penalty_sum
        self._count()
        if self._must_be_finite:
            self._check_finite(loss_sum)
        validation, score = (None, None) if self._validate is None else self._validate()
        network, settings, *_ = self._task
        return Epoch(
            state.epoch, loss_sum / max(self._n_weighty, 1),
            accuracy(settings.loss, totals.n_correct, self._n_weighty, network.sizes[-1]), validation, seconds,
            n / seconds, state.step, n, self._rate, score, time.perf_counter() - began,
        )  # fmt: skip

    def _count(self) -> None:
        """Count the epoch, or the logging interval of a run by steps."""
        state, plan = self._state, self._plan
        assert state.run_start is not None
        epochs = state.run_start.epoch + math.ceil(state.used / plan.round_size)
        state.epoch = state.epoch + 1 if plan.by_steps else epochs

    def _check_finite(self, loss_sum: float) -> None:
        is_finite, state = math.isfinite(loss_sum), self._state
        if not (is_finite and np.isfinite(state.parameters).all()):
            what = "parameters" if is_finite else "loss"  # the loss is that before the last step
            when = f"by step {state.step}" if self._plan.by_steps else f"in epoch {state.epoch}"
            cure = "lower the learning rate or scale the inputs"
            raise FloatingPointError(f"the {what} became infinite or NaN {when}; {cure}")

    def _train(self) -> Totals:
        """Train chunk by chunk until metrics are due."""
        state, plan, sums = self._state, self._plan, Totals(0.0, 0, 0.0)
        begin = state.used // plan.interval * plan.interval
        end = min(begin + plan.interval, plan.n_samples)
        self._n_weighty = 0
        while state.used < end and not self._stopped:
            rest = end - state.used if plan.by_steps else plan.round_size - state.used % plan.round_size  # of the epoch
            drawn = self._order.take(min(self._chunk, rest))
            done, n_steps = plan.steps_of(state.used), math.ceil(len(drawn) / plan.n_batch)
            self._rate = self._rates.rate(done, n_steps, plan.n_steps)
            sums = self._take_steps(self._task.samples.with_weight(drawn, plan.n_batch), sums)
            state.used, state.remaining = state.used + len(drawn), self._order.remaining
            self._stopped = self._is_end_wanted("on_chunk_end", state.used - begin, end - begin)
        if self._sharded is not None:
            self._sharded.gather()
        return sums

    def _is_end_wanted(self, event: str, *news: object) -> bool:
        """Tell callbacks, and return whether any of them wants the end: of this rank, or of another."""
        wanted = self._tell(event, *news)
        return wanted if self._sharded is None else self._sharded.ranks.any(wanted)

    def _take_steps(self, order: Order, sums: Totals) -> Totals:
        """Take the steps of a chunk, and add up what they came to."""
        state = self._state
        totals = self._steps(order, state.step, self._rate)
        state.step += math.ceil(len(order) / self._plan.n_batch)
        self._n_weighty += len(order)
        loss, n_correct, penalty = (a + b for a, b in zip(sums, totals, strict=True))
        return Totals(loss, int(n_correct), penalty)

    def _chunk_samples(self) -> int:
        """Count the samples of a chunk, whole batches of them."""
        plan, samples, sizes = self._plan, self._task.samples, self._task.network.sizes
        n_weights = n_products = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
        if samples.is_sparse() and not samples.in_parts():
            n_products += (samples.X.nnz // max(samples.X.shape[0], 1) - sizes[0]) * sizes[1]
        products = 6 * n_products * plan.n_batch
        if self._rates.changes_within_epochs:
            # A rate holds for a chunk: what a chunk is decides on results here, and must not change.
            n_samples = plan.interval if plan.by_steps else plan.round_size
            n_batches = min(CHUNK_FLOP // products, n_samples // RATES_PER_EPOCH // plan.n_batch)
        else:
            n_batches = CHUNK_FLOP // (products + UPDATE_FLOP * n_weights)
        if samples.in_parts():
            n_batches = min(n_batches, samples.most_rows() // plan.n_batch)
        return max(1, n_batches) * plan.n_batch
